"""What can go wrong with the store. The message of each says what to do.

StoreError
├── StoreDown       there is no server, or it does not answer in time
├── StoreTooNew     what lies there was written by a newer version of this program
└── RecordPoisoned  one value is not what we write; readers count it and go on as if it were not there
"""


class StoreError(Exception):
    """The store cannot be used. `code` is for programs, the message says what to do."""

    code = "store_error"


class StoreDown(StoreError):
    """No server can be started or reached, or it broke off. refused: it answers, and refuses what it was asked for,
    since it is full or what lies there is damaged."""

    code = "store_down"

    def __init__(self, message: str = "", *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


class StoreTooNew(StoreError):
    """Written by a newer version; never touched, since what we do not know we would destroy."""

    code = "store_too_new"


class RecordPoisoned(StoreError):
    """A value that does not pass its schema."""

    code = "record_poisoned"
