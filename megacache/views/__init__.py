"""Views: the faces of a recording that need no kernel and no front end.

Layer: may import model, errors, recording and report; pandas, plotly and rich only inside the functions that use them.

    units.py     bytes and durations for people
    names.py     what things are called in one line: codes, keys, guards, dimensions, places
    index.py     the rows of a recording, joined by their keys
    tree.py      Node and Tree; branches.py, branch.py and leaves.py grow them from an index
    summary.py   the six numbers above every tree
    text.py      the tree as plain text and for rich
    notebook.py  the tree as HTML for a notebook cell
    tables.py    pandas DataFrames
    timeline.py  the phases of each compile as bars, without overlap
    figures.py   plotly figures; marks.py has their areas
    findings.py  what a reader should know first, and what to do next
    phases.py    where the time of a compile went
    source.py    source lines, marked by what became of them
    markup.py    how a text gets into HTML
"""
