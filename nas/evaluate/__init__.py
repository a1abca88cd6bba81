"""Measuring networks: metrics, inference at any image size, costs, latency, and the harness that makes rows.

The design gives one name two meanings: ``nas.evaluate`` is this package (``from nas.evaluate import
metrics``) and also what a program calls (``nas.evaluate(models, task)``). As importing any submodule puts the
package into ``nas`` under that name, a separate function could not keep it; so the package itself is callable
and passes the call to ``nas.evaluate.harness.evaluate``, whatever was imported first.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nas.rows import EvaluationRow


class _CallablePackage(ModuleType):
    def __call__(self, *args: Any, **options: Any) -> list[EvaluationRow]:
        """See ``nas.evaluate.harness.evaluate``."""
        from nas.evaluate.harness import evaluate

        return evaluate(*args, **options)


sys.modules[__name__].__class__ = _CallablePackage
