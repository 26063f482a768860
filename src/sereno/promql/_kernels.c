/* The inner loops of the evaluator, compiled where there is a compiler.
 *
 * Every function here does what a few lines of NumPy in windows.py, overtime.py, prefix.py and aggregate.py do, in
 * the same order of operations, and gives the same bits; tests/promql/test_promql_kernels.py holds them to it. So
 * it must be compiled without contraction into fused multiply-adds and without -ffast-math (see hatch_build.py).
 *
 * Stable ABI of Python 3.11: arguments are C-contiguous buffers, results are written into buffers that the caller
 * made. Whatever is wrong with an argument ends in an exception, never in memory that is not ours: indices are
 * clipped as NumPy's take(mode="clip") does. The interpreter lock is let go while a loop runs.
 */
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BUFFERS_MAX 12
#define STALE 0x7FF0000000000002LL

typedef struct {
    Py_buffer of[BUFFERS_MAX];
    int count;
} Buffers;

static void
release(Buffers *held)
{
    while (held->count > 0)
        PyBuffer_Release(&held->of[--held->count]);
}

/* Take the next buffer. `kind` is d (float64), q (int64), b (one byte); upper case means written to. `length` is how
 * many items it must have, -1 for any. NULL, with an exception, if it is not so. */
static void *
take(Buffers *held, PyObject *object, char kind, Py_ssize_t length)
{
    int writable = kind < 'a';
    char wanted = writable ? (char)(kind + 32) : kind;
    Py_buffer *buffer = &held->of[held->count];
    if (held->count == BUFFERS_MAX) {
        PyErr_SetString(PyExc_SystemError, "too many buffers");
        return NULL;
    }
    if (PyObject_GetBuffer(object, buffer, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0)) < 0)
        return NULL;
    held->count++;
    const char *format = buffer->format ? buffer->format : "B";
    if (*format == '<' || *format == '=' || *format == '@')
        format++;
    int fits;
    switch (wanted) {
    case 'd': fits = *format == 'd' && buffer->itemsize == 8; break;
    case 'q': fits = (*format == 'q' || *format == 'l') && buffer->itemsize == 8; break;
    default: fits = buffer->itemsize == 1;
    }
    if (!fits) {
        PyErr_Format(PyExc_TypeError, "a buffer of kind %c is needed, not %s", wanted, buffer->format);
        return NULL;
    }
    if (length >= 0 && buffer->len / buffer->itemsize != length) {
        PyErr_Format(PyExc_ValueError, "a buffer of %zd items is needed, not %zd", length,
                     buffer->len / buffer->itemsize);
        return NULL;
    }
    return buffer->buf ? buffer->buf : (void *)buffer;
}

static Py_ssize_t
items(const Buffers *held, int which)
{
    return held->of[which].len / held->of[which].itemsize;
}

static inline Py_ssize_t
clip(int64_t index, Py_ssize_t count)
{
    return index < 0 ? 0 : index >= count ? count - 1 : (Py_ssize_t)index;
}

#define BEGIN(format, ...)                                                                                             \
    Buffers held;                                                                                                      \
    held.count = 0;                                                                                                    \
    PyObject *result = NULL;                                                                                           \
    if (!PyArg_ParseTuple(args, format, __VA_ARGS__))                                                                  \
        return NULL
#define TAKE(type, name, object, kind, length)                                                                         \
    type *name = take(&held, object, kind, length);                                                                    \
    if (!name)                                                                                                         \
        goto done
#define END                                                                                                            \
    result = Py_NewRef(Py_None);                                                                                       \
    done:                                                                                                              \
    release(&held);                                                                                                    \
    return result
#define NEED(condition, text)                                                                                          \
    if (!(condition)) {                                                                                                \
        PyErr_SetString(PyExc_ValueError, text);                                                                       \
        goto done;                                                                                                     \
    }

/* Windows --------------------------------------------------------------------------------------------------------- */

/* The first index in [from, to) whose time is not below (or with `past`, is above) `edge`. */
static int64_t
search(const int64_t *times, int64_t from, int64_t to, int64_t edge, int past)
{
    while (from < to) {
        int64_t middle = from + (to - from) / 2;
        if (past ? times[middle] <= edge : times[middle] < edge)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* One edge of all windows of a row: by walking when there are many windows, by searching when there are few. */
static void
edges(const int64_t *times, int64_t begin, int64_t end, const int64_t *edge, Py_ssize_t windows, int past, int64_t *out)
{
    int walk = (end - begin) / 16 < windows;
    int64_t at = begin;
    for (Py_ssize_t i = 0; i < windows; i++) {
        if (!walk || (i && edge[i] < edge[i - 1])) {
            at = search(times, begin, end, edge[i], past);
        } else if (past) {
            while (at < end && times[at] <= edge[i])
                at++;
        } else {
            while (at < end && times[at] < edge[i])
                at++;
        }
        out[i] = at;
    }
}

PyDoc_STRVAR(windows_doc, "windows(times, offsets, starts, ends, low, high): for every row and window, the first\n"
                          "index whose time is >= start, and the first whose time is > end.");
static PyObject *
windows(PyObject *self, PyObject *args)
{
    PyObject *a, *b, *c, *d, *e, *f;
    BEGIN("OOOOOO", &a, &b, &c, &d, &e, &f);
    TAKE(int64_t, times, a, 'q', -1);
    TAKE(int64_t, offsets, b, 'q', -1);
    TAKE(int64_t, starts, c, 'q', -1);
    Py_ssize_t count = items(&held, 0), rows = items(&held, 1) - 1, width = items(&held, 2);
    NEED(rows >= 0, "offsets are one more than rows");
    TAKE(int64_t, ends, d, 'q', width);
    TAKE(int64_t, low, e, 'Q', rows * width);
    TAKE(int64_t, high, f, 'Q', rows * width);
    for (Py_ssize_t row = 0; row < rows; row++)
        NEED(0 <= offsets[row] && offsets[row] <= offsets[row + 1] && offsets[row + 1] <= count, "offsets must ascend");
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t row = 0; row < rows; row++) {
        edges(times, offsets[row], offsets[row + 1], starts, width, 0, low + row * width);
        edges(times, offsets[row], offsets[row + 1], ends, width, 1, high + row * width);
    }
    Py_END_ALLOW_THREADS
    END;
}

PyDoc_STRVAR(latest_doc, "latest(values, low, high, out, present): the last value of each window, and whether there\n"
                         "is one that is no staleness marker.");
static PyObject *
latest(PyObject *self, PyObject *args)
{
    PyObject *a, *b, *c, *d, *e;
    BEGIN("OOOOO", &a, &b, &c, &d, &e);
    TAKE(double, values, a, 'd', -1);
    TAKE(int64_t, low, b, 'q', -1);
    Py_ssize_t count = items(&held, 0), windows = items(&held, 1);
    TAKE(int64_t, high, c, 'q', windows);
    TAKE(double, out, d, 'D', windows);
    TAKE(char, present, e, 'B', windows);
    NEED(count > 0 || !windows, "windows over no samples");
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < windows; i++) {
        int64_t bits;
        out[i] = values[clip(high[i] - 1, count)];
        memcpy(&bits, &out[i], 8);
        present[i] = high[i] > low[i] && bits != STALE;
    }
    Py_END_ALLOW_THREADS
    END;
}

/* Rates ----------------------------------------------------------------------------------------------------------- */

PyDoc_STRVAR(falls_doc, "falls(values, out) -> int: the indices of values below the one before; how many there are.");
static PyObject *
falls(PyObject *self, PyObject *args)
{
    PyObject *a, *b;
    BEGIN("OO", &a, &b);
    TAKE(double, values, a, 'd', -1);
    Py_ssize_t count = items(&held, 0), found = 0;
    TAKE(int64_t, out, b, 'Q', count);
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 1; i < count; i++) {
        out[found] = i;
        found += values[i] < values[i - 1];
    }
    Py_END_ALLOW_THREADS
    result = PyLong_FromSsize_t(found);
done:
    release(&held);
    return result;
}

PyDoc_STRVAR(spacing_doc, "spacing(times, low, high, starts, ends, sampled, average, to_start, beyond): seconds between\n"
                          "first and last sample, between neighbours, from the start, and beyond the last.");
static PyObject *
spacing(PyObject *self, PyObject *args)
{
    PyObject *a, *b, *c, *d, *e, *f, *g, *h, *j;
    BEGIN("OOOOOOOOO", &a, &b, &c, &d, &e, &f, &g, &h, &j);
    TAKE(int64_t, times, a, 'q', -1);
    TAKE(int64_t, low, b, 'q', -1);
    Py_ssize_t count = items(&held, 0), windows = items(&held, 1);
    TAKE(int64_t, high, c, 'q', windows);
    TAKE(int64_t, starts, d, 'q', -1);
    Py_ssize_t width = items(&held, 3);
    NEED((width > 0 && windows % width == 0 && count > 0) || !windows, "as many edges as windows of a row");
    TAKE(int64_t, ends, e, 'q', width);
    TAKE(double, sampled, f, 'D', windows);
    TAKE(double, average, g, 'D', windows);
    TAKE(double, to_start, h, 'D', windows);
    TAKE(double, beyond, j, 'D', windows);
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0, k = 0; i < windows; i++, k = k + 1 == width ? 0 : k + 1) {
        int64_t first = times[clip(low[i], count)], last = times[clip(high[i] - 1, count)];
        sampled[i] = (double)(last - first) / 1000.0;
        average[i] = sampled[i] / (double)(high[i] - low[i] - 1);
        to_start[i] = (double)(first - starts[k]) / 1000.0;
        double to_end = (double)(ends[k] - last) / 1000.0;
        beyond[i] = to_end < average[i] * 1.1 ? to_end : average[i] / 2.0;
    }
    Py_END_ALLOW_THREADS
    END;
}

PyDoc_STRVAR(difference_doc, "difference(values, low, high, out, first): last less first value of each window.");
static PyObject *
difference(PyObject *self, PyObject *args)
{
    PyObject *a, *b, *c, *d, *e;
    BEGIN("OOOOO", &a, &b, &c, &d, &e);
    TAKE(double, values, a, 'd', -1);
    TAKE(int64_t, low, b, 'q', -1);
    Py_ssize_t count = items(&held, 0), windows = items(&held, 1);
    TAKE(int64_t, high, c, 'q', windows);
    TAKE(double, out, d, 'D', windows);
    TAKE(double, first, e, 'D', windows);
    NEED(count > 0 || !windows, "windows over no samples");
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < windows; i++) {
        first[i] = values[clip(low[i], count)];
        out[i] = values[clip(high[i] - 1, count)] - first[i];
    }
    Py_END_ALLOW_THREADS
    END;
}

PyDoc_STRVAR(extrapolate_doc,
             "extrapolate(value, first, sampled, average, to_start, beyond, counter, zero_last, seconds): differences\n"
             "extrapolated to the edges of their windows, in place; per second if `seconds` is above 0.");
static PyObject *
extrapolate(PyObject *self, PyObject *args)
{
    PyObject *a, *b, *c, *d, *e, *f;
    int counter, zero_last;
    double seconds;
    BEGIN("OOOOOOppd", &a, &b, &c, &d, &e, &f, &counter, &zero_last, &seconds);
    TAKE(double, value, a, 'D', -1);
    Py_ssize_t windows = items(&held, 0);
    TAKE(double, first, b, 'd', windows);
    TAKE(double, sampled, c, 'd', windows);
    TAKE(double, average, d, 'd', windows);
    TAKE(double, to_start, e, 'd', windows);
    TAKE(double, beyond, f, 'd', windows);
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < windows; i++) {
        double v = value[i], reach = to_start[i];
        int near = reach < average[i] * 1.1;
        if (counter) {
            if (zero_last && !near)
                reach = average[i] / 2.0;
            if (v > 0 && first[i] >= 0) {
                double to_zero = sampled[i] * (first[i] / v);
                if (to_zero < reach)
                    reach = to_zero;
            }
            near = zero_last || reach < average[i] * 1.1;
        }
        if (!near)
            reach = average[i] / 2.0;
        double factor = (sampled[i] + reach + beyond[i]) / sampled[i];
        if (seconds > 0)
            factor = factor / seconds;
        value[i] = v * factor;
    }
    Py_END_ALLOW_THREADS
    END;
}

/* Sums ------------------------------------------------------------------------------------------------------------ */

PyDoc_STRVAR(running_doc, "running(values, sums, errors, rests) -> (peak, top, odd): running sums, their rounding\n"
                          "errors and theirs, each with a leading zero; the largest value and sum, and whether any\n"
                          "value is not finite (then the sums mean nothing).");
static PyObject *
running(PyObject *self, PyObject *args)
{
    PyObject *a, *b, *c, *d;
    BEGIN("OOOO", &a, &b, &c, &d);
    TAKE(double, values, a, 'd', -1);
    Py_ssize_t count = items(&held, 0);
    TAKE(double, sums, b, 'D', count + 1);
    TAKE(double, errors, c, 'D', count + 1);
    TAKE(double, rests, d, 'D', count + 1);
    double peak = 0, top = 0;
    int odd = 0;
    Py_BEGIN_ALLOW_THREADS
    sums[0] = errors[0] = rests[0] = 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        double value = values[i], size = fabs(value);
        odd |= !isfinite(value);
        peak = size > peak ? size : peak;
        /* NumPy's cumsum begins with the first value as it is: −0.0 stays −0.0. */
        double before = sums[i], after = i ? before + value : value;
        double part = after - before;
        double error = (before - (after - part)) + (value - part);
        sums[i + 1] = after;
        size = fabs(after);
        top = size > top ? size : top;
        before = errors[i];
        after = i ? before + error : error;
        part = after - before;
        errors[i + 1] = after;
        error = (before - (after - part)) + (error - part);
        rests[i + 1] = i ? rests[i] + error : error;
    }
    Py_END_ALLOW_THREADS
    result = Py_BuildValue("ddi", peak, top, odd);
done:
    release(&held);
    return result;
}

PyDoc_STRVAR(between_doc, "between(sums, errors, rests, low, high, out): the sum of every window.");
static PyObject *
between(PyObject *self, PyObject *args)
{
    PyObject *a, *b, *c, *d, *e, *f;
    BEGIN("OOOOOO", &a, &b, &c, &d, &e, &f);
    TAKE(double, sums, a, 'd', -1);
    Py_ssize_t count = items(&held, 0);
    TAKE(double, errors, b, 'd', count);
    TAKE(double, rests, c, 'd', count);
    TAKE(int64_t, low, d, 'q', -1);
    Py_ssize_t windows = items(&held, 3);
    TAKE(int64_t, high, e, 'q', windows);
    TAKE(double, out, f, 'D', windows);
    NEED(count > 0, "sums have a leading zero");
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < windows; i++) {
        Py_ssize_t from = clip(low[i], count), to = clip(high[i], count);
        double total = sums[to] - sums[from], part = total - sums[to];
        double error = (sums[to] - (total - part)) - (sums[from] + part);
        out[i] = total + (error + ((errors[to] - errors[from]) + (rests[to] - rests[from])));
    }
    Py_END_ALLOW_THREADS
    END;
}

PyDoc_STRVAR(compensate_doc, "compensate(values, present, sums, lows): add values where present with Neumaier's\n"
                             "compensation, in place.");
static PyObject *
compensate(PyObject *self, PyObject *args)
{
    PyObject *a, *b, *c, *d;
    BEGIN("OOOO", &a, &b, &c, &d);
    TAKE(double, values, a, 'd', -1);
    Py_ssize_t count = items(&held, 0);
    TAKE(char, present, b, 'b', count);
    TAKE(double, sums, c, 'D', count);
    TAKE(double, lows, d, 'D', count);
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!present[i])
            continue;
        double sum = sums[i], inc = values[i], total = sum + inc;
        lows[i] += fabs(sum) >= fabs(inc) ? (sum - total) + inc : (inc - total) + sum;
        sums[i] = total;
    }
    Py_END_ALLOW_THREADS
    END;
}

/* Extremes and quantiles ------------------------------------------------------------------------------------------ */

PyDoc_STRVAR(extremes_doc, "extremes(values, low, high, width, greatest, out): the greatest or least value of every\n"
                           "window, the first of equals; NaN if there is nothing else. Windows come in rows of `width`,\n"
                           "both of whose edges ascend.");
static PyObject *
extremes(PyObject *self, PyObject *args)
{
    PyObject *a, *b, *c, *d;
    Py_ssize_t width;
    int greatest;
    BEGIN("OOOnpO", &a, &b, &c, &width, &greatest, &d);
    TAKE(double, values, a, 'd', -1);
    TAKE(int64_t, low, b, 'q', -1);
    Py_ssize_t count = items(&held, 0), windows = items(&held, 1), longest = 0;
    TAKE(int64_t, high, c, 'q', windows);
    TAKE(double, out, d, 'D', windows);
    NEED((width > 0 && windows % width == 0) || !windows, "windows come in whole rows");
    for (Py_ssize_t i = 0; i < windows; i++) {
        NEED(0 <= low[i] && low[i] <= high[i] && high[i] <= count, "a window lies outside of the samples");
        NEED(i % width == 0 || (low[i] >= low[i - 1] && high[i] >= high[i - 1]), "windows must ascend");
        longest = high[i] - low[i] > longest ? (Py_ssize_t)(high[i] - low[i]) : longest;
    }
    /* A ring of candidates: each is better than all behind it, or as good and earlier. */
    Py_ssize_t size = 1;
    while (size <= longest)
        size *= 2;
    int64_t *ring = malloc((size_t)size * sizeof *ring);
    if (!ring) {
        PyErr_NoMemory();
        goto done;
    }
    Py_BEGIN_ALLOW_THREADS
    int64_t mask = size - 1, head = 0, tail = 0, next = 0;
    for (Py_ssize_t i = 0; i < windows; i++) {
        if (i % width == 0 || low[i] >= next) {
            head = tail = 0;
            next = low[i];
        }
        while (tail > head && ring[head & mask] < low[i])
            head++;
        for (; next < high[i]; next++) {
            double value = values[next];
            if (isnan(value))
                continue;
            while (tail > head
                   && (greatest ? values[ring[(tail - 1) & mask]] < value : values[ring[(tail - 1) & mask]] > value))
                tail--;
            ring[tail++ & mask] = next;
        }
        out[i] = tail > head ? values[ring[head & mask]] : high[i] > low[i] ? values[high[i] - 1] : (double)NAN;
    }
    Py_END_ALLOW_THREADS
    free(ring);
    END;
}

/* Lines ----------------------------------------------------------------------------------------------------------- */

typedef struct {
    double sum, low;
} Kahan;

static inline void
add(Kahan *to, double inc)
{
    double total = to->sum + inc;
    to->low += fabs(to->sum) >= fabs(inc) ? (to->sum - total) + inc : (inc - total) + to->sum;
    to->sum = total;
}

PyDoc_STRVAR(line_doc, "line(times, values, low, high, origins, x, y, xy, xx): the sums of least squares of every window,\n"
                       "added with compensation in the order of the samples.");
static PyObject *
line(PyObject *self, PyObject *args)
{
    PyObject *a, *b, *c, *d, *e, *f, *g, *h, *j;
    BEGIN("OOOOOOOOO", &a, &b, &c, &d, &e, &f, &g, &h, &j);
    TAKE(int64_t, times, a, 'q', -1);
    Py_ssize_t count = items(&held, 0);
    TAKE(double, values, b, 'd', count);
    TAKE(int64_t, low, c, 'q', -1);
    Py_ssize_t windows = items(&held, 2);
    TAKE(int64_t, high, d, 'q', windows);
    TAKE(int64_t, origins, e, 'q', windows);
    TAKE(double, x_sum, f, 'D', windows);
    TAKE(double, y_sum, g, 'D', windows);
    TAKE(double, xy_sum, h, 'D', windows);
    TAKE(double, xx_sum, j, 'D', windows);
    for (Py_ssize_t i = 0; i < windows; i++)
        NEED(0 <= low[i] && high[i] <= count, "a window lies outside of the samples");
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < windows; i++) {
        Kahan x = {0, 0}, y = {0, 0}, xy = {0, 0}, xx = {0, 0};
        for (int64_t k = low[i]; k < high[i]; k++) {
            double at = (double)(times[k] - origins[i]) / 1e3;
            add(&x, at);
            add(&y, values[k]);
            add(&xy, at * values[k]);
            add(&xx, at * at);
        }
        x_sum[i] = x.sum + x.low;
        y_sum[i] = y.sum + y.low;
        xy_sum[i] = xy.sum + xy.low;
        xx_sum[i] = xx.sum + xx.low;
    }
    Py_END_ALLOW_THREADS
    END;
}

PyDoc_STRVAR(spread_doc, "spread(values, low, high, out): the variance of every window by Welford's recurrence, with\n"
                         "compensation.");
static PyObject *
spread(PyObject *self, PyObject *args)
{
    PyObject *a, *b, *c, *d;
    BEGIN("OOOO", &a, &b, &c, &d);
    TAKE(double, values, a, 'd', -1);
    TAKE(int64_t, low, b, 'q', -1);
    Py_ssize_t count = items(&held, 0), windows = items(&held, 1);
    TAKE(int64_t, high, c, 'q', windows);
    TAKE(double, out, d, 'D', windows);
    for (Py_ssize_t i = 0; i < windows; i++)
        NEED(0 <= low[i] && high[i] <= count, "a window lies outside of the samples");
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < windows; i++) {
        Kahan mean = {0, 0}, squares = {0, 0};
        for (int64_t k = low[i]; k < high[i]; k++) {
            double delta = values[k] - (mean.sum + mean.low);
            add(&mean, delta / (double)(k - low[i] + 1));
            add(&squares, delta * (values[k] - (mean.sum + mean.low)));
        }
        out[i] = (squares.sum + squares.low) / (double)(high[i] - low[i]);
    }
    Py_END_ALLOW_THREADS
    END;
}

/* Chunks of the sample store -------------------------------------------------------------------------------------- */

PyDoc_STRVAR(undelta_doc, "undelta(base, moves, rows, columns, width, divisor, out): rows of numbers from their first\n"
                          "(int64) and their differences (`width` bytes each, low bytes of all first), by `divisor`.");
static PyObject *
undelta(PyObject *self, PyObject *args)
{
    PyObject *a, *b, *c;
    Py_ssize_t rows, columns;
    int width;
    double divisor;
    BEGIN("OOnnidO", &a, &b, &rows, &columns, &width, &divisor, &c);
    NEED(rows >= 0 && columns > 0 && (width == 1 || width == 2 || width == 4 || width == 8), "no such shape");
    NEED(columns == 0 || rows < PY_SSIZE_T_MAX / 16 / columns, "too large");
    TAKE(char, base, a, 'b', rows * 8);
    Py_ssize_t count = rows * (columns - 1);
    TAKE(unsigned char, moves, b, 'b', count * width);
    TAKE(double, out, c, 'D', rows * columns);
    Py_BEGIN_ALLOW_THREADS
    Py_ssize_t k = 0;
    for (Py_ssize_t row = 0; row < rows; row++) {
        uint64_t whole; /* wraps around where int64 would */
        memcpy(&whole, base + row * 8, 8);
        double *to = out + row * columns;
        to[0] = (double)(int64_t)whole;
        switch (width) {
        case 1:
            for (Py_ssize_t i = 1; i < columns; i++, k++)
                to[i] = (double)(int64_t)(whole += (uint64_t)(int64_t)(int8_t)moves[k]);
            break;
        case 2:
            for (Py_ssize_t i = 1; i < columns; i++, k++)
                to[i] = (double)(int64_t)(whole +=
                                          (uint64_t)(int64_t)(int16_t)(moves[k] | (uint16_t)moves[count + k] << 8));
            break;
        default:
            for (Py_ssize_t i = 1; i < columns; i++, k++) {
                uint64_t move = 0;
                for (int byte = 0; byte < width; byte++)
                    move |= (uint64_t)moves[byte * count + k] << (8 * byte);
                whole += width == 4 ? (uint64_t)(int64_t)(int32_t)(uint32_t)move : move;
                to[i] = (double)(int64_t)whole;
            }
        }
        if (divisor != 1.0)
            for (Py_ssize_t i = 0; i < columns; i++)
                to[i] /= divisor;
    }
    Py_END_ALLOW_THREADS
    END;
}

PyDoc_STRVAR(unxor_doc, "unxor(base, moves, rows, columns, out): rows of floats from the bits of their first and the\n"
                        "changes from one to the next (8 bytes each, low bytes of all first).");
static PyObject *
unxor(PyObject *self, PyObject *args)
{
    PyObject *a, *b, *c;
    Py_ssize_t rows, columns;
    BEGIN("OOnnO", &a, &b, &rows, &columns, &c);
    NEED(rows >= 0 && columns > 0 && rows < PY_SSIZE_T_MAX / 16 / columns, "no such shape");
    TAKE(char, base, a, 'b', rows * 8);
    Py_ssize_t count = rows * (columns - 1);
    TAKE(unsigned char, moves, b, 'b', count * 8);
    TAKE(double, out, c, 'D', rows * columns);
    Py_BEGIN_ALLOW_THREADS
    Py_ssize_t k = 0;
    for (Py_ssize_t row = 0; row < rows; row++) {
        uint64_t bits;
        memcpy(&bits, base + row * 8, 8);
        memcpy(out + row * columns, &bits, 8);
        for (Py_ssize_t i = 1; i < columns; i++, k++) {
            uint64_t move = 0;
            for (int byte = 0; byte < 8; byte++)
                move |= (uint64_t)moves[byte * count + k] << (8 * byte);
            bits ^= move;
            memcpy(out + row * columns + i, &bits, 8);
        }
    }
    Py_END_ALLOW_THREADS
    END;
}

/* The module ------------------------------------------------------------------------------------------------------ */

#define METHOD(name) {#name, name, METH_VARARGS, name##_doc}
static PyMethodDef methods[] = {
    METHOD(windows), METHOD(latest),     METHOD(falls),    METHOD(spacing), METHOD(difference), METHOD(extrapolate),
    METHOD(running), METHOD(between),    METHOD(compensate), METHOD(extremes), METHOD(line),
    METHOD(spread),  METHOD(undelta), METHOD(unxor),      {NULL, NULL, 0, NULL},
};

static int
begin(PyObject *module)
{
    const uint16_t one = 1;
    if (!*(const char *)&one) { /* buffers of the sample store are little-endian */
        PyErr_SetString(PyExc_ImportError, "the compiled kernels are for little-endian machines");
        return -1;
    }
    const char *wanted = getenv("SERENO_KERNELS");
    if (wanted && strcmp(wanted, "python") == 0) {
        PyErr_SetString(PyExc_ImportError, "SERENO_KERNELS=python: the compiled kernels are switched off");
        return -1;
    }
    return 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, begin}, {0, NULL}};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "_kernels", .m_size = 0, .m_methods = methods, .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__kernels(void)
{
    return PyModuleDef_Init(&definition);
}
