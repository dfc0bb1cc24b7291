"""Every line that touches torch.

Layer: above bundle, below session. What is private in torch and touched here is listed in `versions.py`.

Where to look, by what you want to change:

* what is captured: `capture`, `taps`, `raw_events`, `recorder`; rows of one kind are made in `codes`, `spans`, `uses`,
  `lowerings`, `guards`, `guard_tree`, `dimensions`, `reasons`; which of them a save writes again: `changes`;
* what is read from a log of TORCH_TRACE instead: `trace/`, whose `log` feeds the same `recorder`;
* what a bundle gives back to torch's caches, and what became of it: `hydrate`, `settle`, `cache_keys`, `system`,
  `options`;
* warm starts without a trace: `precompile` switches them on, `keeping` makes an artifact of each guarded code and
  `serving` runs it again. Their parts: `frames`, `guarded_code`, `bytecode`, `constants`, `backends`, `aot_entries`,
  `lazy_backward`, `shelf`;
* how a guarded code is proven to be right. Guards first: `guard_state`, `replay`, `guard_values`. Then what no guard
  watches: what names reach in `surroundings`, `mentions`, `walk`; what was inlined or called in `needs`, `operators`,
  `methods`, `origins`; and `process_groups`. What an object is, wherever it lies: `facts`, `content`, `content_of_*`,
  `reach`;
* torch's own precompile entries: `precompile_context`, `dynamo_store`, `packages`; their parts: `precompile_entries`,
  `entry_*`, `populate`, `installing`. What such an entry relies on is noted by `package_watch` as `reliance` and
  `pinned`; `package_proof` compares;
* what torch lowers outside of any compile id, and its whole files: `outside`, `whole_files`; which stored one a name
  means, and whether it is right here: `stored`;
* compiled CPU kernels: `kernels`, `kernel_content`, `kernel_source`, `vector_isas`.
"""
