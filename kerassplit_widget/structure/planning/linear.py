"""A thin, sparse builder of mixed-integer programs over HiGHS."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import highspy
import numpy as np

from kerassplit_widget.structure.planning.problem import Floats

__all__ = ["ONE", "ZERO", "Outcome", "Program", "Term"]

ZERO, ONE = -1, -2
"""Stand for a column that is fixed at 0 or at 1."""

Term = tuple[int, float]
"""A column (or `ZERO`, `ONE`) and its coefficient."""

TOLERANCE = 1e-9
"""By how much HiGHS may violate a row; rows here have coefficients of about 1."""

NO_ENUMERATION = 1 << 16
"""The presolve rule that drops rows it should keep (HiGHS issue 3216, in versions 1.13 to 1.16 at least)."""


class Outcome(NamedTuple):
    """What HiGHS found: values of the columns (None without a solution), and a proved bound."""

    values: Floats | None
    bound: float


class _Silent(highspy.Highs):
    """HiGHS prints its name when callbacks are enabled, which its constructor does; this comes before.

    Its constructor and `enableCallbacks` have no type annotations.
    """

    def enableCallbacks(self) -> Any:  # noqa: N802 - HiGHS's name
        self.silent()
        return super().enableCallbacks()  # type: ignore[no-untyped-call]


class Program:
    """Minimise a column under rows of terms; all columns but that one are between 0 and 1."""

    def __init__(self) -> None:
        self._lower: list[float] = []
        self._upper: list[float] = []
        self._cost: list[float] = []
        self._integral: list[bool] = []
        self._start: list[int] = [0]
        self._index: list[int] = []
        self._value: list[float] = []
        self._least: list[float] = []

    @property
    def size(self) -> int:
        """Number of binary columns."""
        return sum(self._integral)

    def column(self, *, binary: bool = False, lower: float = 0.0, upper: float = 1.0, cost: float = 0.0) -> int:
        """Add a column."""
        self._lower.append(lower)
        self._upper.append(upper)
        self._cost.append(cost)
        self._integral.append(binary)
        return len(self._lower) - 1

    def at_least(self, terms: Iterable[Term], least: float) -> None:
        """Add the row ``sum(terms) >= least``, unless the bounds of its columns imply it."""
        row: dict[int, float] = {}
        for column, factor in terms:
            if column == ONE:
                least -= factor
            elif column != ZERO:
                row[column] = row.get(column, 0.0) + factor
        row = {column: factor for column, factor in row.items() if factor}
        smallest = sum(
            factor * (self._lower[column] if factor > 0 else self._upper[column]) for column, factor in row.items()
        )
        if smallest >= least:
            return
        self._index += row
        self._value += row.values()
        self._start.append(len(self._index))
        self._least.append(least)

    def minimise(
        self, seconds: float, gap: float, *, better: Callable[[Floats], object], stop: Callable[[float], bool]
    ) -> Outcome:
        """Solve.

        Parameters
        ----------
        seconds : float
            Time limit.
        gap : float
            Relative gap at which to stop.
        better : callable
            Called with the columns of each solution that is better than those before.
        stop : callable
            Called with the bound so far, now and then; returns whether to stop.

        Returns
        -------
        Outcome
        """
        end = time.monotonic() + seconds
        for presolve in ("choose", "off"):
            solver = self._solver(end - time.monotonic(), gap, presolve)

            def on_solution(event: highspy.HighsCallbackEvent) -> None:
                better(np.array(event.data_out.mip_solution))

            def on_check(event: highspy.HighsCallbackEvent) -> None:
                if stop(event.data_out.mip_dual_bound):
                    event.interrupt()

            solver.cbMipImprovingSolution += on_solution
            solver.cbMipInterrupt += on_check
            solver.run()
            status, info = solver.getModelStatus(), solver.getInfo()
            # This is how HiGHS says that presolving went wrong; so it is done without.
            if status != highspy.HighsModelStatus.kSolveError:
                break
        else:
            return Outcome(None, -math.inf)
        # All columns are bounded, so "unbounded or infeasible" is infeasible.
        if status in (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible):
            return Outcome(None, math.inf)
        feasible = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        bound = info.mip_dual_bound
        if not any(self._integral) and status == highspy.HighsModelStatus.kOptimal:
            bound = info.objective_function_value
        return Outcome(np.array(solver.getSolution().col_value) if feasible else None, bound)

    def _solver(self, seconds: float, gap: float, presolve: str) -> highspy.Highs:
        solver = _Silent()  # type: ignore[no-untyped-call]
        for option, value in (
            ("threads", 1),
            ("random_seed", 0),
            ("time_limit", max(0.01, seconds)),
            ("mip_rel_gap", gap),
            ("mip_abs_gap", 0.0),
            ("mip_feasibility_tolerance", TOLERANCE),
            ("primal_feasibility_tolerance", TOLERANCE),
            ("dual_feasibility_tolerance", TOLERANCE),
            ("presolve", presolve),
            ("presolve_rule_off", NO_ENUMERATION),
        ):
            solver.setOptionValue(option, value)
        solver.passModel(self._model())
        return solver

    def _model(self) -> highspy.HighsLp:
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = len(self._lower), len(self._least)
        model.col_cost_ = np.array(self._cost)
        model.col_lower_, model.col_upper_ = np.array(self._lower), np.array(self._upper)
        model.row_lower_, model.row_upper_ = np.array(self._least), np.full(len(self._least), highspy.kHighsInf)
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.array(self._start)
        model.a_matrix_.index_ = np.array(self._index)
        model.a_matrix_.value_ = np.array(self._value)
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        model.integrality_ = [kinds[integral] for integral in self._integral]
        return model
