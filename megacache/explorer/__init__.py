"""Explorer: an interactive view of a recording, in a notebook or as one HTML file.

Layer: a face. May import ground, views, explain, bundle, sessions and process. The only room that imports anywidget,
and only in `widget.py`; the built front end is in `static/`, its sources in `widgets/`.

    widget.py      the explorer in a notebook, filled while a cell runs
    page.py        the explorer as one file, which needs no kernel and no network
    sources.py     what is shown, and what can be done with it: a session, this process, a bundle
    snapshot.py    one recording at one moment: its trees and parts
    wire.py        a tree as the bytes that the front end decodes
    summary.py     what stands above a tree
    parts.py       all that is asked for by kind and name, in the shapes of shapes.py
    details.py     one of them: all tabs of a node, from scope.py (its rows), facts.py and why.py
    spans.py       another: the timeline; trace.py writes the same for a trace viewer
    messages.py    the conversation with the front end
    actions.py     what its buttons do
    transfers.py   files on their way, in pieces
    discretion.py  what a page does not tell
    kernel.py      the running ipykernel and its main thread
    front_end.py   the built files
"""
