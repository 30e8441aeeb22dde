"""The first sheet of an Excel workbook as rows of text: so much of the format as published question sets use."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from workers.evaluation.cases import BadSet
from workers.evaluation.fields import Row

MAX_PART_BYTES = 64 * 1024**2
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_COLUMN = re.compile("[A-Z]+")


def sheet_rows(path: Path, columns: tuple[str, ...]) -> Iterator[Row]:
    """The rows below the head, whose line is the sheet's row number; rows without any text are passed over."""
    try:
        with zipfile.ZipFile(path) as workbook:
            shared = _shared(_part(path, workbook, "xl/sharedStrings.xml"))
            sheet = _part(path, workbook, "xl/worksheets/sheet1.xml")
    except OSError as error:
        raise BadSet(path, 0, "", error.strerror or str(error)) from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise BadSet(path, 0, "", f"this is no Excel workbook ({error})") from None
    if sheet is None:
        raise BadSet(path, 0, "", "the workbook has no first sheet")
    lines = [(line, cells) for line, cells in _lines(sheet, shared) if any(cells.values())]
    head = lines[0][1] if lines else {}
    for name in columns:
        if name not in head.values():
            raise BadSet(path, lines[0][0] if lines else 1, name, "the head of the sheet lacks this column")
    for line, cells in lines[1:]:
        yield Row(path, line, {head[at]: text for at, text in cells.items() if at in head})


def _part(path: Path, workbook: zipfile.ZipFile, name: str) -> "etree._Element | None":
    if name not in workbook.namelist():
        return None
    if workbook.getinfo(name).file_size > MAX_PART_BYTES:
        raise BadSet(path, 0, "", f"{name} has more than {MAX_PART_BYTES // 1024**2} MiB")
    with workbook.open(name) as file:
        content = file.read(MAX_PART_BYTES)
    try:
        return etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    except etree.XMLSyntaxError as error:
        raise BadSet(path, 0, "", f"{name} is no XML ({error})") from None


def _shared(part: "etree._Element | None") -> list[str]:
    return [_text(item) for item in part.iterfind(f"{_MAIN}si")] if part is not None else []


def _lines(sheet: "etree._Element", shared: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """(row number from 1, text by the letters of its column)."""
    for number, row in enumerate(sheet.iterfind(f"{_MAIN}sheetData/{_MAIN}row"), 1):
        cells = {}
        for at, cell in enumerate(row.iterfind(f"{_MAIN}c")):
            named = _COLUMN.match(cell.get("r") or "")
            cells[named.group() if named else chr(ord("A") + at % 26)] = _cell(cell, shared)
        stated = row.get("r") or ""
        yield int(stated) if stated.isdigit() else number, cells


def _cell(cell: "etree._Element", shared: list[str]) -> str:
    if cell.get("t") == "inlineStr":
        return _text(cell)
    value = cell.findtext(f"{_MAIN}v") or ""
    if cell.get("t") != "s":
        return value
    return shared[int(value)] if value.isdigit() and int(value) < len(shared) else ""


def _text(node: "etree._Element") -> str:
    """All runs of a string; phonetic hints left out."""
    runs = node.iter(f"{_MAIN}t")
    return "".join(run.text or "" for run in runs if (run.getparent()).tag != f"{_MAIN}rPh")
