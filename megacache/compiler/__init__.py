"""Every line that touches torch.

Layer: above bundle, below session. What is private in torch and touched here is listed in `versions.py`.
"""
