"""Put the taps on and off, with compiles between, and print what of torch is another afterwards, as JSON.

It compares every module attribute and class attribute of the modules that megacache names, every handler of every
logger of torch, and every option of dynamo, inductor and functorch.
"""

import importlib
import json
import logging

import torch
import torch._dynamo
import torch._functorch.config
import torch._inductor.config

from megacache.compiler import versions


def state_of_torch():
    state = {}
    for name in {each.module for each in versions.PRIVATE_NAMES}:
        module = importlib.import_module(name)
        for key, value in vars(module).items():
            state[f"{name}.{key}"] = value
            if isinstance(value, type):
                state.update({f"{name}.{key}.{each}": kept for each, kept in vars(value).items()})
    for name, logger in logging.root.manager.loggerDict.items():
        if name.startswith("torch") and isinstance(logger, logging.Logger):
            state[f"logger {name}"] = (tuple(map(id, logger.handlers)), logger.level, logger.propagate, logger.disabled)
    for config in (torch._dynamo.config, torch._inductor.config, torch._functorch.config):
        for key, value in config.get_config_copy().items():
            # A set that was copied may print in another order.
            state[f"{config.__name__}.{key}"] = repr(sorted(value, key=repr) if isinstance(value, set) else value)
    return state


def is_same(before, after):
    if isinstance(before, (str, int, float, tuple)):
        return before is after or before == after
    return before is after


def main():
    import megacache
    from megacache import verbs

    versions.check()
    torch.compile(lambda x: x - 1, backend="eager")(torch.ones(3))  # torch imports and registers lazily
    before = state_of_torch()
    megacache.enable()
    during = state_of_torch()
    changed = sum(not is_same(value, during.get(key)) for key, value in before.items())
    megacache.enable()
    again = state_of_torch()
    status = verbs.status()
    torch.compile(lambda x: x + 1, backend="eager")(torch.ones(3))
    megacache.disable()
    after = state_of_torch()
    # What torch itself counts up with each compile and each hook.
    volatile = (
        "FRAME_COUNTER",
        "FRAME_COMPILE_COUNTER",
        "INTERN_TABLE",
        "CleanupManager.count",
        "FakeTensorMode.cache_misses",
        ".next_id",
        ".curr_frame",
        ".op_count",
    )
    differences = sorted(
        key for key, value in before.items() if not is_same(value, after.get(key)) and not key.endswith(volatile)
    )
    told = {
        "changed_while_on": changed,
        "changed_by_the_second": sorted(key for key, value in during.items() if not is_same(value, again.get(key))),
        "left_behind": differences,
        "status": status,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
