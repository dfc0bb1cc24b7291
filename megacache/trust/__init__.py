"""Trust: whose a file is, who signed it, and whether it may be loaded; for loading a cache is running its code.

Layer: above bundle, below compiler. The only room that imports `cryptography`, and only when a key is used.

`gate` is what every way of loading goes through. `doubts` look at the file, `signing` at its signatures, by `keys` that
`trusted_keys` lists or a caller names. Looking at a bundle asks for none of it.
"""
