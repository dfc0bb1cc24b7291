"""Every line that touches torch.

Layer: above bundle, below session. What is private in torch and touched here is listed in `versions.py`.

Where to look, by what you want to change:

* what is captured: `capture`, `taps`, `raw_events`, `recorder`; rows of one kind are made in `codes`, `spans`, `uses`,
  `lowerings`, `guard_tree`, `reasons`;
* what a bundle gives back to torch's caches, and what became of it: `hydrate`, `settle`, `cache_keys`, `system`, `options`;
* warm starts without a trace: `precompile` switches them on, `keeping` makes an artifact of each guarded code, `serving`
  runs it again. Its parts: `frames`, `guarded_code`, `bytecode`, `constants`, `backends`, `aot_entries`,
  `lazy_backward`, `shelf`;
* how a guarded code is proven to be right, guards first: `guard_state`, `replay`, `guard_values`; then what no guard
  watches: `surroundings`, `mentions`, `walk` (what names reach), `needs`, `operators`, `methods`, `origins` (what was
  inlined or called), `process_groups`; and what an object is, wherever it lies: `facts`, `content`, `content_of_*`, `reach`;
* compiled CPU kernels: `kernels`, `kernel_content`, `kernel_source`, `vector_isas`.
"""
