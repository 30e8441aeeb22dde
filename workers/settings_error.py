"""The one error of the settings, in a file of its own so that the command line can name it without loading them."""


class SettingsError(Exception):
    """A setting is unknown or wrong; the message is one line that names it and never holds a secret."""

    exit_code = 78  # EX_CONFIG of sysexits.h

    def __init__(self, setting: str, message: str) -> None:
        super().__init__(message)
        self.setting = setting
