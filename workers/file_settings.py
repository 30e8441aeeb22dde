"""The settings of files that are uploaded to be kept, and of the batches that are made of them."""

from pydantic import ByteSize, Field
from pydantic_settings import BaseSettings

MIB = 1024 * 1024


class FileSettings(BaseSettings):
    """One field for each, as in workers/settings.py."""

    kept_file_bytes: ByteSize = Field(
        ByteSize(200 * MIB),
        ge=1_024,
        le=2_048 * MIB,
        description="largest file that `/v1/files` keeps, in bytes (or `200MiB`)",
    )
    kept_files_bytes: ByteSize = Field(
        ByteSize(2_048 * MIB),
        ge=1_024,
        description="all files that `/v1/files` keeps of one key together, in bytes (or `2GiB`)",
    )
    kept_file_days: float = Field(
        30, gt=0, le=3_650, description="how long an uploaded file is kept where the upload does not say, in days"
    )
    file_upload_seconds: float = Field(
        600, gt=0, le=86_400, description="longest time for the upload of one such file, in seconds"
    )
    batch_rows: int = Field(50_000, ge=1, le=1_000_000, description="requests in one batch at most")
