"""Trace: the logs that TORCH_TRACE makes torch write, as the raw events that the taps would have heard.

Layer: compiler, but needs no torch.

    files.py     where the logs are, compressed or not
    lines.py     a log as records, whatever is wrong between them
    log.py       records as raw events, with what follows made up by
    clock.py     their moments
    threads.py   their threads
    compiles.py  when a compile began and how it ended
    failures.py  the exception that the user saw
    system.py    the machine and software that wrote it
"""
