"""A report as a file or on standard output."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from inferencepool_rollout.drive.run_log import Event, json_text
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.report import data, document, figures, page


def write_report(events: Sequence[Event], out: Path | None, *, png: bool, as_json: bool, texts: bool) -> None:
    """Write the report of a rollout's events as HTML, with `png` as a picture; with `as_json` print it as JSON.

    `texts` shows prompts and answers, as far as the log has them.

    Raises Failure where the file cannot be written.
    """
    made = data.report(events, texts)
    if as_json:
        print(json_text(document.document(made), indent=2))
        return
    out = out or Path("report.png" if png else "report.html")
    try:
        if png:
            figures.write_picture(made, page.title(made), out)
        else:
            out.write_text(page.page(made))
    except OSError as error:
        raise Failure(f"the report cannot be written: {error}; name another file with --out") from None
    print(f"wrote {out}")
