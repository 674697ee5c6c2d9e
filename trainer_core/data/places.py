"""Where a row stands in the file that it comes from."""

from dataclasses import dataclass, field

from trainer_core.contract.dataset import DatasetFault, FaultCode


@dataclass(frozen=True)
class Place:
    """A row's number, and the file if there are several."""

    number: int
    """From 1: the line of JSONL, else the place among the records."""
    file: str | None = field(default=None, kw_only=True)
    """Its name in the archive that came."""

    def fault(
        self, code: FaultCode, detail: str, message_index: int | None = None, image_index: int | None = None
    ) -> DatasetFault:
        """A fault of the row at this place."""
        return DatasetFault(
            code=code,
            file=self.file,
            line=self.number,
            message_index=message_index,
            image_index=image_index,
            detail=detail,
        )
