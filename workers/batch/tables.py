"""Tables of questions: CSV in UTF-8, UTF-16 or GBK, and Parquet, as records with the line at which each begins."""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.batch.lines import FileRefused
from workers.batch.records import LineError
from workers.batch.request_lines import BadLine

ID_COLUMNS = ("custom_id", "id", "编号", "序号")
QUESTION_COLUMNS = ("question", "query", "prompt", "input", "问题", "题目", "提问")
OTHER_COLUMNS = ("depth", "recency", "strict")
GBK_SHARE = 0.8
UNKNOWN_ENCODING = "the file is neither in UTF-8 nor in UTF-16 with its mark nor in GBK: save it in UTF-8"
OTHER_ENCODING = "this is broken, or in another encoding than the rest of the file"
LONG_CELL = "a cell has more than 131,072 characters, or a quotation mark is not closed"
"""Of the high bytes, so many stand in pairs."""
_PAIR, _HIGH = re.compile(rb"[\xa1-\xf7][\xa1-\xfe]"), re.compile(rb"[\x80-\xff]")
_DELIMITERS = ",;\t"
_PARQUET_ROWS = 1_000
NO_PARQUET = "Parquet files need the extra `parquet`: pip install 'kaozheng[parquet]'"


@dataclass(frozen=True, slots=True)
class Record:
    """number: of the line at which it begins, from 1; in a Parquet file of the row. bad: why it cannot be read."""

    number: int
    fields: dict[str, Any]
    bad: BadLine | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a file. Bytes that are not in the encoding of the rest stand as lone surrogates; encoding: its name,
    to be said where it is not UTF-8."""

    text: str
    encoding: str = "utf-8"


def text_of(content: bytes) -> Text:
    """UTF-16 by its mark; UTF-8; GBK where no line beyond ASCII is UTF-8, and a few may be broken. Of a file that mixes
    both, UTF-8 is read."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Text(content.decode("utf-16", "surrogatepass"), "UTF-16")
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        return Text(content.decode("utf-8"))
    except UnicodeDecodeError:
        pass
    lines = [line for line in content.splitlines() if not line.isascii()]
    whole = sum(_is(line, "gb18030") for line in lines)
    if _looks_like_gbk(content) and whole >= GBK_SHARE * len(lines) and not any(_is(line, "utf-8") for line in lines):
        return Text(content.decode("gb18030", "surrogateescape"), "GBK")
    return Text(content.decode("utf-8", "surrogateescape"))


def _looks_like_gbk(content: bytes) -> bool:
    """Chinese stands in pairs of high bytes (GB 2312). What Western encodings have is single ones among letters, which
    GBK would read as rare characters."""
    return 2 * len(_PAIR.findall(content)) >= GBK_SHARE * len(_HIGH.findall(content))


def _is(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def lines_of_text(text: str) -> list[str]:
    """With their ends: \\n, \\r or both, and nothing else that Python takes for one."""
    return list(io.StringIO(text, newline=""))


def csv_records(text: str) -> Iterator[Record]:
    """Below a head that names the columns. Raises FileRefused, naming the line."""
    lines = lines_of_text(text)
    if not any(line.strip() for line in lines):
        raise FileRefused(LineError("empty_file", "the file holds no question"))
    reader = csv.reader(lines, delimiter=_delimiter(lines[0]), strict=True)
    try:
        head = [name.strip() for name in next(reader)]
        check_readable(head)
        check_columns(head)
        begin = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _record(begin, head, cells)
            begin = reader.line_num + 1
    except csv.Error as error:
        why = LONG_CELL if "field limit" in str(error) else f"the table is broken: {error}"
        raise FileRefused(LineError("broken_table", why, reader.line_num)) from None


def _delimiter(head: str) -> str:
    return max(_DELIMITERS, key=head.count)


def is_foreign(text: str) -> bool:
    """Whether bytes stand in it that text_of could not read."""
    return any("\udc80" <= character <= "\udcff" for character in text)


def check_readable(head: list[str]) -> None:
    """Raises FileRefused for the head of a table in an encoding that is not known here, or of no table at all."""
    if any(is_foreign(name) or "\0" in name for name in head):
        raise FileRefused(LineError("wrong_encoding", UNKNOWN_ENCODING, 1))


def check_columns(names: list[str]) -> None:
    """Raises FileRefused where no column is that of the questions, or a name stands twice."""
    found = [name for name in names if name.lower() in QUESTION_COLUMNS]
    if not found:
        wanted = ", ".join(QUESTION_COLUMNS)
        raise FileRefused(LineError("no_question_column", f"the head of the table needs a column {wanted}", 1))
    doubled = {name for name in names if name and names.count(name) > 1}
    if doubled:
        raise FileRefused(LineError("doubled_column", f"two columns have the name {sorted(doubled)[0]}", 1))


def _record(line: int, head: list[str], cells: list[str]) -> Record:
    if len(cells) > len(head):
        return Record(line, {}, BadLine("too_many_cells", f"{len(cells)} cells below {len(head)} columns"))
    fields = dict(zip(head, cells, strict=False))
    for name, cell in fields.items():
        if is_foreign(cell):
            return Record(line, {}, BadLine("wrong_encoding", OTHER_ENCODING, name[:80]))
    return Record(line, fields)


def parquet_records(path: Path) -> Iterator[Record]:
    """Raises FileRefused."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise FileRefused(LineError("extra_missing", NO_PARQUET)) from None
    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            check_columns(names)
            known = (*ID_COLUMNS, *QUESTION_COLUMNS, *OTHER_COLUMNS)
            columns = [name for name in names if name.lower() in known]
            number = 0
            for batch in file.iter_batches(_PARQUET_ROWS, columns=columns):
                for fields in batch.to_pylist():
                    number += 1
                    yield Record(number, fields)
    except (pyarrow.ArrowException, OSError) as error:
        raise FileRefused(LineError("broken_table", f"this is no Parquet file that can be read: {error}")) from None
