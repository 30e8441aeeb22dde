"""The keys of the queue's store (workers/batch/job_scripts.py says what lies under a job's)."""

from urllib.parse import quote

from workers.store_keys import check_user

OPEN_JOBS = "kz:q:{jobs}:open"
"""Sorted set of the jobs that have not ended, by the time of their making. A job stands here before it exists and until
after its end, so that no worker overlooks it."""


def keys_of_job(job_id: str) -> list[str]:
    """In the order in which the scripts take them. job_id has passed is_job_id."""
    return [f"kz:q:{{{job_id}}}:{part}" for part in ("job", "rows", "ends", "order", "again", "begun")]


def jobs_of(user: str) -> str:
    """Sorted set of this user's jobs, by the time of their making."""
    check_user(user)
    return f"kz:q:{{of:{quote(user, safe='', errors='surrogatepass')}}}:jobs"
