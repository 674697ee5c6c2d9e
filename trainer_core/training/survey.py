"""What is found out about rows while they are encoded, sample by sample; nothing of them is kept but numbers."""

from collections import Counter
from statistics import median

from trainer_core.contract.report import Lengths, RowsReport
from trainer_core.data.encoding import IGNORED
from trainer_core.data.prepared import Sample


class Survey:
    """Counts the samples of one dataset."""

    def __init__(self) -> None:
        self._lengths: list[int] = []
        self._num_images = self._num_image_tokens = self._num_shrunk = self._num_supervised = 0
        self.seen: Counter[str] = Counter()
        """How often each sample was there, by its content."""

    def take(self, sample: Sample) -> None:
        """Count a sample."""
        self._lengths.append(sample.row["input_ids"].shape[1])
        self._num_image_tokens += sample.num_image_tokens
        self._num_supervised += int((sample.row["labels"] != IGNORED).sum())
        if not sample.content:
            return  # of a pair, whose images and content were counted with its first sample
        self._num_images += len(sample.sizes)
        self._num_shrunk += sum(one != other for one, other in zip(sample.sizes, sample.original_sizes, strict=True))
        self.seen[sample.content] += 1

    @property
    def num_duplicates(self) -> int:
        """Samples that another one repeats."""
        return self.seen.total() - len(self.seen)

    def num_shared_with(self, other: "Survey") -> int:
        """Samples that are in the other dataset too."""
        return sum(count for content, count in self.seen.items() if content in other.seen)

    def report(self, num_rows: int) -> RowsReport:
        """What was counted over so many rows."""
        ordered = sorted(self._lengths)
        return RowsReport(
            num_rows=num_rows,
            num_samples=self.seen.total(),
            num_images=self._num_images,
            tokens=Lengths(
                shortest=ordered[0],
                median=int(median(ordered)),
                p95=ordered[int(0.95 * (len(ordered) - 1))],
                longest=ordered[-1],
                total=sum(ordered),
            ),
            num_image_tokens=self._num_image_tokens,
            num_supervised_tokens=self._num_supervised,
            num_shrunk_images=self._num_shrunk,
            num_duplicates=self.num_duplicates,
        )
