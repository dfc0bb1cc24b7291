"""Documents of a report: graphs and generated code as text, within bounds."""

from __future__ import annotations

from dataclasses import dataclass

from megacache.errors import ArtifactNotFoundError
from megacache.model import Document
from megacache.recording import Recording
from megacache.views.markup import folded, note, safe
from megacache.views.units import format_bytes

DOCUMENT_LIMIT_BYTES = 200_000
"""What is shown of one document; a reader of HTML looks at its beginning."""

PAGE_LIMIT_BYTES = 20_000_000
"""What is shown of all documents of one page, so that a browser opens it at once."""

TITLES = {
    "dynamo_graph": "Dynamo graph",
    "joint_graph": "joint graph",
    "forward_graph": "forward graph",
    "backward_graph": "backward graph",
    "inference_graph": "inference graph",
    "post_grad_graph": "post-grad graph",
    "output_code": "generated code",
}


@dataclass(slots=True)
class Shelf:
    """The documents of one page, and how many bytes there is still room for."""

    recording: Recording
    left_bytes: int = PAGE_LIMIT_BYTES

    def show(self, document: Document) -> str:
        """Return one document as a part that opens on a click, cut with a note where it is too long."""
        name = TITLES.get(document.name, document.name)
        title = f"{safe(document.compile_id or 'no compile')} {safe(name)}"
        about = " · ".join(filter(None, (document.title, format_bytes(document.size_bytes))))
        return folded(f'{title} <span class="more">{safe(about)}</span>', self._body(document))

    def _body(self, document: Document) -> str:
        try:
            content = self.recording.read(document.content_sha256)
        except ArtifactNotFoundError:
            return note("The text is not at hand: this recording was opened without its contents.")
        limit = min(DOCUMENT_LIMIT_BYTES, self.left_bytes)
        shown = content[:limit]
        self.left_bytes -= len(shown)
        left_out = len(content) - len(shown)
        remark = note(f"{left_out:,} bytes are left out here; the bundle holds them.") if left_out else ""
        text = f"<pre>{safe(shown.decode('utf-8', 'replace'))}</pre>" if shown else ""
        return text + remark
