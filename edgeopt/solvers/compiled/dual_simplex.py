"""Bounded dual simplex for linear programs with few rows and many bounded columns, one instance after another.

The basis is kept in its compact form. Of ``rows + columns`` variables (columns, and the activity of each row) those at
a bound are nonbasic. With `k` basic columns there are `k` binding rows, and all linear algebra happens in the `k` by
`k` matrix ``W`` where they meet, whose inverse is updated by one rank-one term in each iteration. A step passes every
column whose range is too short to stop it (the long-step rule): one iteration moves many columns from bound to bound.

Codes of a status are those of HiGHS: 0 at the lower bound, 1 basic, 2 at the upper bound, 3 free at zero.

References
----------
A. Koberstein, "The dual simplex method, techniques for a fast and stable implementation", Paderborn 2005.
"""

from __future__ import annotations

import numpy as np
from numba import types

from .jit import njit
from .signature import array

OPTIMAL, INFEASIBLE, NO_START, UNFINISHED = 0, 1, 2, 3
"""How an instance ended; `NO_START`: the cost asks for a bound that a column does not have."""

LOWER, BASIC, UPPER, FREE = 0, 1, 2, 3
_FEASIBLE = 1e-9  # violation, relative to 1 + |bound|, that no variable leaves the basis for
_PIVOT = 1e-9  # size of a pivot that counts as none
_SINGULAR = 1e-11  # size of the largest pivot of a column from which a basis counts as singular
_SOUND = 1e-6  # residual of points and prices from which the inverse is computed anew
_WRONG_SIDE = 1e-9  # share of its terms up to which a reduced cost of the wrong sign is noise
_ROUNDING = 1e-14  # share of its terms up to which a difference is rounding
_TIED = 1e-12  # relative difference of two ratios that counts as none
_REFACTOR = 60


@njit(nogil=True, error_model="numpy")
def _invert(w, inverse, k):  # noqa: C901
    """Gauss-Jordan elimination with row pivoting; False where `w` is singular. Destroys `w`."""
    for i in range(k):
        for j in range(k):
            inverse[i, j] = 1.0 if i == j else 0.0
    for c in range(k):
        pivot = c
        for i in range(c + 1, k):
            if abs(w[i, c]) > abs(w[pivot, c]):
                pivot = i
        largest = abs(w[pivot, c])
        if largest < _SINGULAR:
            return False
        if pivot != c:
            for j in range(k):
                w[c, j], w[pivot, j] = w[pivot, j], w[c, j]
                inverse[c, j], inverse[pivot, j] = inverse[pivot, j], inverse[c, j]
        scale = 1.0 / w[c, c]
        for j in range(k):
            w[c, j] *= scale
            inverse[c, j] *= scale
        for i in range(k):
            factor = w[i, c]
            if i != c and factor != 0.0:
                for j in range(k):
                    w[i, j] -= factor * w[c, j]
                    inverse[i, j] -= factor * inverse[c, j]
    return True


@njit(nogil=True, error_model="numpy")
def gather(indptr, indices, data, basic, row_place, w, k):
    """Fill ``w`` with the entries where the `k` binding rows meet the `k` basic columns."""
    for i in range(k):
        for j in range(k):
            w[i, j] = 0.0
    for s in range(k):
        for e in range(indptr[basic[s]], indptr[basic[s] + 1]):
            r = row_place[indices[e]]
            if r >= 0:
                w[r, s] = data[e]


@njit(nogil=True, error_model="numpy")
def _refine(  # noqa: C901
    indptr, indices, data, c, lo, up, rlo, rup, basic, binding, row_place, inverse, k,
    x, price, activity, target, z,
):  # fmt: skip
    """Remove what updates of the inverse left as error in points and prices; False where they need a new inverse.

    One step of iterative refinement squares the error. `target` is overwritten.
    """
    largest, size = 0.0, 0.0
    for s in range(k):
        j = basic[s]
        for e in range(indptr[j], indptr[j + 1]):
            r = row_place[indices[e]]
            if r >= 0:
                target[r] -= data[e] * x[j]
    for r in range(k):
        largest = max(largest, abs(target[r]))
    for s in range(k):
        total = 0.0
        for r in range(k):
            total += inverse[s, r] * target[r]
        j = basic[s]
        x[j] += total
        size = max(size, abs(x[j]))
        if total != 0.0:
            for e in range(indptr[j], indptr[j + 1]):
                activity[indices[e]] += data[e] * total
    sound = largest <= _SOUND * (1.0 + size)
    for s in range(k):
        j = basic[s]
        total = c[j]
        for e in range(indptr[j], indptr[j + 1]):
            if row_place[indices[e]] >= 0:
                total -= price[indices[e]] * data[e]
        z[s] = total
        sound = sound and abs(total) <= _SOUND * (1.0 + abs(c[j]))
    for r in range(k):
        total = 0.0
        for s in range(k):
            total += z[s] * inverse[s, r]
        price[binding[r]] += total
    for s in range(k):
        j = basic[s]
        allowed = 10.0 * _FEASIBLE
        sound = sound and x[j] >= lo[j] - allowed * (1.0 + abs(lo[j])) and x[j] <= up[j] + allowed * (1.0 + abs(up[j]))
    for i in range(activity.size):
        if row_place[i] < 0:
            low, high = rlo[i], rup[i]
            allowed = 10.0 * _FEASIBLE
            sound = sound and activity[i] >= low - allowed * (1.0 + abs(low))
            sound = sound and activity[i] <= high + allowed * (1.0 + abs(high))
    return sound


_SPARSE = (array(types.int32, 1), array(types.int32, 1), array(types.float64, 1))
_GIVEN = (array(types.float64, 2),) * 5 + (array(types.int8, 2),) * 2
_FOUND = (
    array(types.float64, 2, False), array(types.float64, 2, False), array(types.int8, 2, False),
    array(types.int8, 2, False), array(types.int8, 1, False), array(types.int64, 1, False), types.intp,
)  # fmt: skip


# One signature, compiled once and kept on disk, whatever is batched.
@njit(
    types.void(types.intp, types.intp, *_SPARSE, *_SPARSE, *_GIVEN, *_FOUND),
    nogil=True,
    error_model="numpy",
)
def solve_range(  # noqa: C901
    first, last, indptr, indices, data, row_ptr, row_cols, row_data,
    cost, lower, upper, row_lower, row_upper, start_columns, start_rows,
    x_out, dual_out, column_status, row_status, ended, iterations, most,
):  # fmt: skip
    """Solve the instances from `first` to `last`; an axis of length 1 in place of the batch is shared by all.

    Takes at most `most` iterations for each; what is unfinished then goes on from the statuses it left.
    Fills the primal point, row duals (a Farkas ray where infeasible), statuses, how each ended and its iterations.
    """
    n, m = indptr.size - 1, row_ptr.size - 1
    size = min(n, m)
    inverse, w = np.empty((size + 1, size + 1)), np.empty((size + 1, size + 1))
    basic, binding = np.empty(size + 1, np.int64), np.empty(size + 1, np.int64)
    place, row_place = np.empty(n, np.int64), np.empty(m, np.int64)
    reduced, alpha, price = np.empty(n), np.empty(n), np.empty(m)
    fixed_part, activity = np.empty(m), np.empty(m)
    row_of_inverse, z, target = np.empty(size + 1), np.empty(size + 1), np.empty(size + 1)
    candidate, ratio = np.empty(n + m, np.int64), np.empty(n + m)
    # Where all start from one basis at one cost, its factors and duals are computed once and copied.
    shared = start_columns.shape[0] == 1 and start_rows.shape[0] == 1 and cost.shape[0] == 1
    kept, kept_k = False, 0
    kept_inverse, kept_basic, kept_binding = np.empty_like(inverse), np.empty_like(basic), np.empty_like(binding)
    kept_reduced, kept_price = np.empty(n), np.empty(m)
    kept_status, kept_rstatus = np.empty(n, np.int8), np.empty(m, np.int8)
    for b in range(first, last):
        c = cost[b % cost.shape[0]]
        lo, up = lower[b % lower.shape[0]], upper[b % upper.shape[0]]
        rlo, rup = row_lower[b % row_lower.shape[0]], row_upper[b % row_upper.shape[0]]
        x, y, status, rstatus = x_out[b], dual_out[b], column_status[b], row_status[b]
        status[:] = start_columns[b % start_columns.shape[0]]
        rstatus[:] = start_rows[b % start_rows.shape[0]]
        ended[b], iterations[b] = UNFINISHED, 0
        if (lo > up).any() or (rlo > rup).any():
            ended[b] = INFEASIBLE
            y[:] = 0.0
            continue
        k, ready, fresh, updates = 0, False, False, 0
        if kept:
            k = kept_k
            status[:] = kept_status
            rstatus[:] = kept_rstatus
            reduced[:] = kept_reduced
            price[:] = kept_price
            inverse[:k, :k] = kept_inverse[:k, :k]
            place[:] = -1
            row_place[:] = -1
            for s in range(k):
                basic[s], binding[s] = kept_basic[s], kept_binding[s]
                place[basic[s]], row_place[binding[s]] = s, s
            ready = True
            fixed_part[:] = 0.0
            for j in range(n):
                if place[j] < 0:
                    value = lo[j] if status[j] == LOWER else (up[j] if status[j] == UPPER else 0.0)
                    x[j] = value
                    ready = ready and np.isfinite(value)
                    if value != 0.0:
                        for e in range(indptr[j], indptr[j + 1]):
                            fixed_part[indices[e]] += data[e] * value
            for r in range(k):
                i = binding[r]
                ready = ready and np.isfinite(rlo[i] if rstatus[i] == LOWER else rup[i])
            fresh = ready
        for _ in range(2 * most):
            if not ready:
                # Start, or start over: take up the statuses, factorise, and put every nonbasic on its dual side.
                k, nb = 0, 0
                for j in range(n):
                    place[j] = -1
                    if status[j] == BASIC:
                        if k < size:
                            basic[k] = j
                            place[j] = k
                        k += 1
                for i in range(m):
                    row_place[i] = -1
                    if rstatus[i] != BASIC:
                        if nb < size:
                            binding[nb] = i
                            row_place[i] = nb
                        nb += 1
                sound = k == nb and k <= size
                if sound:
                    gather(indptr, indices, data, basic, row_place, w, k)
                    sound = _invert(w, inverse, k)
                if sound:
                    price[:] = 0.0
                    for r in range(k):
                        total = 0.0
                        for s in range(k):
                            total += c[basic[s]] * inverse[s, r]
                        price[binding[r]] = total
                    noise = _WRONG_SIDE * np.abs(price).max() if k else 0.0
                    for r in range(k):
                        i = binding[r]
                        # What is left of an equation's price may have either sign.
                        if price[i] > 0.0 or (price[i] == 0.0 and rstatus[i] == LOWER and rlo[i] > -np.inf):
                            rstatus[i] = LOWER
                        elif price[i] < 0.0 or rup[i] < np.inf:
                            rstatus[i] = UPPER
                        else:
                            rstatus[i] = LOWER
                        bound = rlo[i] if rstatus[i] == LOWER else rup[i]
                        if not np.isfinite(bound):
                            other = rup[i] if rstatus[i] == LOWER else rlo[i]
                            if abs(price[i]) <= noise and np.isfinite(other):
                                rstatus[i] = UPPER if rstatus[i] == LOWER else LOWER
                                price[i] = 0.0
                            else:
                                sound = False
                fixed_part[:] = 0.0
                for j in range(n):
                    if not sound:
                        break
                    if place[j] >= 0:
                        reduced[j] = 0.0
                        continue
                    total, terms = c[j], abs(c[j])
                    for e in range(indptr[j], indptr[j + 1]):
                        term = price[indices[e]] * data[e]
                        total -= term
                        terms += abs(term)
                    if abs(total) <= _ROUNDING * terms:
                        total = 0.0
                    reduced[j] = total
                    stays = total == 0.0 and (status[j] != UPPER or up[j] == np.inf)
                    side = LOWER if total > 0.0 or stays else UPPER
                    value = lo[j] if side == LOWER else up[j]
                    if not np.isfinite(value):
                        if abs(total) > _WRONG_SIDE * terms:
                            sound = False
                            break
                        if np.isfinite(up[j]):
                            side, value = UPPER, up[j]
                        elif np.isfinite(lo[j]):
                            side, value = LOWER, lo[j]
                        else:
                            side, value = FREE, 0.0
                    status[j] = side
                    x[j] = value
                    if value != 0.0:
                        for e in range(indptr[j], indptr[j + 1]):
                            fixed_part[indices[e]] += data[e] * value
                if not sound:
                    if k == 0 and nb == 0:
                        ended[b] = NO_START
                        break
                    # The slack basis is nonsingular, whatever the start was.
                    status[:] = LOWER
                    rstatus[:] = BASIC
                    continue
                ready, fresh, updates = True, True, 0
                if shared and not kept and iterations[b] == 0:
                    kept, kept_k = True, k
                    kept_inverse[:k, :k] = inverse[:k, :k]
                    kept_basic[:k], kept_binding[:k] = basic[:k], binding[:k]
                    kept_reduced[:], kept_price[:] = reduced, price
                    kept_status[:], kept_rstatus[:] = status, rstatus

            # Values of the basic columns, and of the activity of every row.
            for r in range(k):
                i = binding[r]
                bound = rlo[i] if rstatus[i] == LOWER else rup[i]
                target[r] = bound - fixed_part[i]
            activity[:] = fixed_part
            for s in range(k):
                total = 0.0
                for r in range(k):
                    total += inverse[s, r] * target[r]
                j = basic[s]
                x[j] = total
                for e in range(indptr[j], indptr[j + 1]):
                    activity[indices[e]] += data[e] * total

            # The basic variable that is furthest outside its bounds leaves.
            worst, leaving, sign = 0.0, -1, 1.0
            for s in range(k):
                j = basic[s]
                short, over = lo[j] - x[j], x[j] - up[j]
                if short > _FEASIBLE * (1.0 + abs(lo[j])) and short > worst:
                    worst, leaving, sign = short, j, 1.0
                if over > _FEASIBLE * (1.0 + abs(up[j])) and over > worst:
                    worst, leaving, sign = over, j, -1.0
            for i in range(m):
                if row_place[i] < 0:
                    short, over = rlo[i] - activity[i], activity[i] - rup[i]
                    if short > _FEASIBLE * (1.0 + abs(rlo[i])) and short > worst:
                        worst, leaving, sign = short, n + i, 1.0
                    if over > _FEASIBLE * (1.0 + abs(rup[i])) and over > worst:
                        worst, leaving, sign = over, n + i, -1.0
            if leaving < 0:
                if not fresh and not _refine(
                    indptr, indices, data, c, lo, up, rlo, rup, basic, binding, row_place, inverse, k,
                    x, price, activity, target, z,
                ):  # fmt: skip
                    ready = False
                    continue
                ended[b] = OPTIMAL
                break
            if iterations[b] >= most:
                break
            if updates >= _REFACTOR:
                ready = False
                continue

            # Its row of the tableau, over binding rows (row_of_inverse) and nonbasic columns (alpha).
            for j in range(n):
                alpha[j] = 0.0
            if leaving < n:
                p = place[leaving]
                for r in range(k):
                    row_of_inverse[r] = inverse[p, r]
            else:
                i = leaving - n
                for r in range(k):
                    row_of_inverse[r] = 0.0
                for e in range(row_ptr[i], row_ptr[i + 1]):
                    s = place[row_cols[e]]
                    if s >= 0:
                        for r in range(k):
                            row_of_inverse[r] += row_data[e] * inverse[s, r]
                    else:
                        alpha[row_cols[e]] = row_data[e]
            for r in range(k):
                weight = row_of_inverse[r]
                if weight != 0.0:
                    i = binding[r]
                    for e in range(row_ptr[i], row_ptr[i + 1]):
                        alpha[row_cols[e]] -= weight * row_data[e]

            # Ratio test: who would lose its dual sign first.
            found = 0
            for j in range(n):
                a = sign * alpha[j]
                if place[j] >= 0 or abs(a) <= _PIVOT or lo[j] == up[j]:
                    continue
                if status[j] == FREE or (a > 0.0) == (status[j] == LOWER):
                    candidate[found] = j
                    ratio[found] = abs(reduced[j]) / abs(a)
                    found += 1
            for r in range(k):
                a, i = sign * row_of_inverse[r], binding[r]
                if abs(a) <= _PIVOT or rlo[i] == rup[i]:
                    continue
                if (a > 0.0) == (rstatus[i] == LOWER):
                    candidate[found] = n + i
                    ratio[found] = abs(price[i]) / abs(a)
                    found += 1
            if leaving < n:
                bound = lo[leaving] if sign > 0.0 else up[leaving]
            else:
                bound = rlo[leaving - n] if sign > 0.0 else rup[leaving - n]
            # Those passed so far bring the leaving variable within the tolerance of its bound: there it ends.
            enough = _FEASIBLE * (1.0 + abs(bound))
            slope, entering, step = worst, -1, 0.0
            passed = 0
            while passed < found:
                best = passed
                for q in range(passed + 1, found):
                    if ratio[q] < ratio[best]:
                        best = q
                step = ratio[best]
                tied = best
                strongest = -1.0
                for q in range(passed, found):  # among ties the largest pivot is the stable one
                    if ratio[q] <= step + _TIED * (1.0 + step):
                        v = candidate[q]
                        size_of = abs(alpha[v]) if v < n else abs(row_of_inverse[row_place[v - n]])
                        if size_of > strongest:
                            strongest, tied = size_of, q
                candidate[passed], candidate[tied] = candidate[tied], candidate[passed]
                ratio[passed], ratio[tied] = ratio[tied], ratio[passed]
                v = candidate[passed]
                reach = up[v] - lo[v] if v < n else rup[v - n] - rlo[v - n]
                step = ratio[passed]
                slope -= strongest * reach
                if not slope > enough:
                    entering = v
                    break
                passed += 1
            if entering < 0:
                if not fresh:
                    ready = False
                    continue
                # Nothing stops the dual: the row itself proves that no point exists.
                y[:] = 0.0
                for r in range(k):
                    y[binding[r]] = row_of_inverse[r] if leaving < n else -row_of_inverse[r]
                if leaving >= n:
                    y[leaving - n] = 1.0
                ended[b] = INFEASIBLE
                break

            # Those that were passed move to their other bound.
            for q in range(passed):
                v = candidate[q]
                if v < n:
                    shift = up[v] - lo[v] if status[v] == LOWER else lo[v] - up[v]
                    status[v] = UPPER if status[v] == LOWER else LOWER
                    x[v] = up[v] if status[v] == UPPER else lo[v]
                    for e in range(indptr[v], indptr[v + 1]):
                        fixed_part[indices[e]] += data[e] * shift
                else:
                    rstatus[v - n] = UPPER if rstatus[v - n] == LOWER else LOWER
            move = sign * step
            for j in range(n):
                if place[j] < 0:
                    reduced[j] -= move * alpha[j]
            for r in range(k):
                price[binding[r]] -= move * row_of_inverse[r]

            # Column of the entering variable in terms of the basic columns, then the new basis.
            if entering < n:
                for r in range(k):
                    z[r] = 0.0
                for e in range(indptr[entering], indptr[entering + 1]):
                    r = row_place[indices[e]]
                    if r >= 0:
                        for s in range(k):
                            z[s] += inverse[s, r] * data[e]
                    fixed_part[indices[e]] -= data[e] * x[entering]
            if leaving < n:
                for e in range(indptr[leaving], indptr[leaving + 1]):
                    fixed_part[indices[e]] += data[e] * bound
                x[leaving] = bound
                status[leaving] = LOWER if sign > 0.0 else UPPER
                reduced[leaving] = move
                p = place[leaving]
                place[leaving] = -1
                if entering < n:
                    pivot = 1.0 / z[p]
                    for r in range(k):
                        inverse[p, r] *= pivot
                    for s in range(k):
                        factor = z[s]
                        if s != p and factor != 0.0:
                            for r in range(k):
                                inverse[s, r] -= factor * inverse[p, r]
                    basic[p] = entering
                    place[entering] = p
                else:
                    q = row_place[entering - n]
                    row_place[entering - n] = -1
                    pivot = 1.0 / inverse[p, q]
                    for s in range(k):
                        factor = inverse[s, q] * pivot
                        if s != p and factor != 0.0:
                            for r in range(k):
                                if r != q:
                                    inverse[s, r] -= factor * inverse[p, r]
                    k -= 1
                    if p != k:  # the last row and column take the places that became free
                        for r in range(k + 1):
                            inverse[p, r] = inverse[k, r]
                        basic[p] = basic[k]
                        place[basic[p]] = p
                    if q != k:
                        for s in range(k):
                            inverse[s, q] = inverse[s, k]
                        binding[q] = binding[k]
                        row_place[binding[q]] = q
                    rstatus[entering - n] = BASIC
                    price[entering - n] = 0.0
            else:
                i = leaving - n
                rstatus[i] = LOWER if sign > 0.0 else UPPER
                price[i] = move
                if entering < n:
                    pivot = 1.0 / alpha[entering]
                    for s in range(k):
                        factor = z[s] * pivot
                        if factor != 0.0:
                            for r in range(k):
                                inverse[s, r] += factor * row_of_inverse[r]
                        inverse[s, k] = -factor
                    for r in range(k):
                        inverse[k, r] = -pivot * row_of_inverse[r]
                    inverse[k, k] = pivot
                    basic[k], binding[k] = entering, i
                    place[entering], row_place[i] = k, k
                    k += 1
                else:
                    q = row_place[entering - n]
                    row_place[entering - n] = -1
                    pivot = 1.0 / row_of_inverse[q]
                    for s in range(k):
                        inverse[s, q] *= pivot
                        factor = inverse[s, q]
                        if factor != 0.0:
                            for r in range(k):
                                if r != q:
                                    inverse[s, r] -= row_of_inverse[r] * factor
                    binding[q] = i
                    row_place[i] = q
                    rstatus[entering - n] = BASIC
                    price[entering - n] = 0.0
            if entering < n:
                status[entering] = BASIC
                reduced[entering] = 0.0
            iterations[b] += 1
            updates += 1
            fresh = False
        if ended[b] == OPTIMAL:
            y[:] = price
            # Within the feasibility tolerance a basic column may stand outside its bounds; there it is at the bound, as
            # it is where it is inside by no more than rounding.
            largest = 0.0
            for j in range(n):
                largest = max(largest, abs(x[j]))
            for s in range(k):
                j = basic[s]
                scale = max(largest, abs(lo[j]) if lo[j] > -np.inf else 0.0, abs(up[j]) if up[j] < np.inf else 0.0)
                if x[j] < lo[j] + _ROUNDING * scale:
                    x[j] = lo[j]
                elif x[j] > up[j] - _ROUNDING * scale:
                    x[j] = up[j]
