"""How the node answers: one function per request, by topic. Importing this package fills `asked.RULES`.

One more endpoint costs its declaration in `protocol/requests` and one function in a module here, each of which is found by itself.
"""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__, f"{__name__}."):
    import_module(_module.name)
