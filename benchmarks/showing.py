"""A section as lines of text, for whoever runs one benchmark by hand."""

from benchmarks.figures import Section


def show(section: Section) -> None:
    """Print its figures and tables; what was not kept is marked."""
    print(f"{section.title}\n\n{section.text}\n")
    for figure in section.figures:
        bounds = {"least": figure.least, "most": figure.most}
        promised = ", ".join(f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None)
        print(
            f"{' ' if figure.is_kept else '!'} {figure.what}: {figure.value:.4g} {figure.unit} ({promised or 'told'})"
        )
    for table in section.tables:
        print()
        for row in (table.columns, *table.rows):
            print("  ".join(f"{cell:>14}" for cell in row))
