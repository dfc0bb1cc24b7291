import subprocess
import sys

PROGRAM = """
import pkgutil, sys, importlib
import megacache.views
for module in pkgutil.iter_modules(megacache.views.__path__):
    importlib.import_module(f"megacache.views.{module.name}")
print(sorted({"pandas", "plotly", "rich", "torch", "numpy", "IPython"} & set(sys.modules)))
"""


def test_importing_views_imports_no_heavy_library():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
