/* Running a parsed expression. Every operation works element by element, so results cannot depend on how rows
 * are cut into strips. */
#include "expression.h"

#include <math.h>
#include <string.h>

#include "expression_code.h"
#include "real.h"

/* Rows evaluated at a time: the waiting results of usual expressions stay in the first-level cache. */
enum { STRIP_ROWS = 256 };

/* Waiting results: a column's own array, or the workspace buffer of that place in the stack. */
typedef struct machine {
    int32_t rows, stride, top; /* rows of this strip; elements of a buffer */
    double *buffer;
    const double **value;
} machine;

void cw_expression_destroy(cw_expression **expression) {
    cw_expression *e = *expression;
    *expression = NULL;
    if (!e) return;
    cw_free(e->env, &e->op);
    cw_free(e->env, &e->column);
    cw_free(e->env, &e);
}

int32_t cw_expression_columns(const cw_expression *expression, const int32_t **columns) {
    *columns = expression->column;
    return expression->columns;
}

static int32_t strip_of(int32_t rows) {
    return rows < STRIP_ROWS ? rows : STRIP_ROWS;
}

size_t cw_expression_workspace(const cw_expression *expression, int32_t rows) {
    size_t buffers = (size_t)expression->stack * (size_t)strip_of(rows) * sizeof(double);
    return buffers + (size_t)expression->stack * sizeof(double *);
}

/* a - b*floor(a/b) exactly, before its one rounding: the remainder by long division of the mantissas, moved
 * to the sign of b. */
static double truncated_remainder(double a, double b) {
    int a_exponent, b_exponent;
    uint64_t rest = (uint64_t)ldexp(frexp(a, &a_exponent), 53);
    uint64_t divisor = (uint64_t)ldexp(frexp(b, &b_exponent), 53);
    int32_t left = a_exponent - b_exponent;
    rest %= divisor;
    for (; left > 0; left -= left < 11 ? left : 11) rest = (rest << (left < 11 ? left : 11)) % divisor;
    return ldexp((double)rest, b_exponent - 53);
}

static double modulo(double a, double b) {
    if (!isfinite(a) || isnan(b) || b == 0) return NAN;
    double size_a = fabs(a), size_b = fabs(b);
    double rest = size_a < size_b ? size_a : truncated_remainder(size_a, size_b);
    if (rest == 0) return copysign(0, b);
    if (a < 0) rest = -rest;
    return (rest < 0) != (b < 0) ? rest + b : rest;
}

static double power(double x, double y) {
    if (isnan(x) || isnan(y)) return NAN; /* also where C says 1 */
    if (y == 2) return x * x;             /* rounded correctly, and far more common than the rest */
    if (y == 1) return x;
    if (y == -1) return 1 / x;
    return cw_pow(x, y);
}

static double when(int known, int truth) {
    return known ? (double)truth : NAN;
}

static double kleene_and(double x, double y) {
    if (x == 0 || y == 0) return 0;
    return when(!isnan(x) && !isnan(y), 1);
}

static double kleene_or(double x, double y) {
    if ((x != 0 && !isnan(x)) || (y != 0 && !isnan(y))) return 1;
    return when(!isnan(x) && !isnan(y), 0);
}

#define CW_EACH(result)                                                                                      \
    do {                                                                                                     \
        for (int32_t i = 0; i < n; i++) to[i] = (result);                                                    \
        return;                                                                                              \
    } while (0)

static void apply_one(cw_opcode code, int32_t n, const double *x, double *to) {
    switch (code) {
    case CW_OP_NEGATE:
        CW_EACH(-x[i]);
    case CW_OP_NOT:
        CW_EACH(when(!isnan(x[i]), x[i] == 0));
    case CW_OP_ABS:
        CW_EACH(fabs(x[i]));
    case CW_OP_CEIL:
        CW_EACH(ceil(x[i]));
    case CW_OP_COS:
        CW_EACH(cw_cos(x[i]));
    case CW_OP_EXP:
        cw_exp_array(n, x, to);
        return;
    case CW_OP_FLOOR:
        CW_EACH(floor(x[i]));
    case CW_OP_LOG:
        cw_log_array(n, x, to);
        return;
    case CW_OP_LOG1P:
        CW_EACH(cw_log1p(x[i]));
    case CW_OP_SIN:
        CW_EACH(cw_sin(x[i]));
    case CW_OP_SQRT:
        CW_EACH(sqrt(x[i]));
    case CW_OP_TANH:
        CW_EACH(cw_tanh(x[i]));
    default: /* CW_OP_IS_MISSING */
        CW_EACH(isnan(x[i]) ? 1 : 0);
    }
}

static void apply_two(cw_opcode code, int32_t n, const double *x, const double *y, double *to) {
    switch (code) {
    case CW_OP_ADD:
        CW_EACH(x[i] + y[i]);
    case CW_OP_SUBTRACT:
        CW_EACH(x[i] - y[i]);
    case CW_OP_MULTIPLY:
        CW_EACH(x[i] * y[i]);
    case CW_OP_DIVIDE:
        CW_EACH(x[i] / y[i]);
    case CW_OP_POWER:
        CW_EACH(power(x[i], y[i]));
    case CW_OP_LESS:
        CW_EACH(when(!isunordered(x[i], y[i]), x[i] < y[i]));
    case CW_OP_LESS_EQUAL:
        CW_EACH(when(!isunordered(x[i], y[i]), x[i] <= y[i]));
    case CW_OP_GREATER:
        CW_EACH(when(!isunordered(x[i], y[i]), x[i] > y[i]));
    case CW_OP_GREATER_EQUAL:
        CW_EACH(when(!isunordered(x[i], y[i]), x[i] >= y[i]));
    case CW_OP_EQUAL:
        CW_EACH(when(!isunordered(x[i], y[i]), x[i] == y[i]));
    case CW_OP_NOT_EQUAL:
        CW_EACH(when(!isunordered(x[i], y[i]), x[i] != y[i]));
    case CW_OP_AND:
        CW_EACH(kleene_and(x[i], y[i]));
    case CW_OP_OR:
        CW_EACH(kleene_or(x[i], y[i]));
    case CW_OP_MAX:
        CW_EACH(isunordered(x[i], y[i]) ? NAN : x[i] < y[i] ? y[i] : x[i]);
    case CW_OP_MIN:
        CW_EACH(isunordered(x[i], y[i]) ? NAN : y[i] < x[i] ? y[i] : x[i]);
    default: /* CW_OP_MOD */
        CW_EACH(modulo(x[i], y[i]));
    }
}

static void apply_if(int32_t n, const double *c, const double *x, const double *y, double *to) {
    CW_EACH(isnan(c[i]) ? NAN : c[i] != 0 ? x[i] : y[i]);
}

/* The operands are the last values of the stack; the result takes the place of the first of them. It may
 * overwrite that operand's buffer: each element is read before it is written. */
static void run(machine *m, const cw_op *op, int32_t first, const double *const *column) {
    int32_t operands = cw_opcode_operands(op->code);
    int32_t place = m->top - operands;
    m->top = place + 1;
    if (op->code == CW_OP_COLUMN) {
        m->value[place] = column[op->column] + first;
        return;
    }
    double *to = m->buffer + (size_t)place * (size_t)m->stride;
    const double **x = m->value + place;
    if (operands == 0)
        for (int32_t i = 0; i < m->rows; i++) to[i] = op->number;
    else if (operands == 1)
        apply_one(op->code, m->rows, x[0], to);
    else if (operands == 2)
        apply_two(op->code, m->rows, x[0], x[1], to);
    else
        apply_if(m->rows, x[0], x[1], x[2], to);
    m->value[place] = to;
}

void cw_expression_evaluate(const cw_expression *expression, int32_t rows, const double *const *column,
                            void *workspace, double *out) {
    machine m = {.value = workspace, .stride = strip_of(rows)};
    m.buffer = (double *)(void *)((char *)workspace + (size_t)expression->stack * sizeof(double *));
    for (int32_t first = 0; first < rows; first += m.rows) {
        m.rows = strip_of(rows - first);
        m.top = 0;
        for (int32_t i = 0; i < expression->ops; i++) run(&m, &expression->op[i], first, column);
        memcpy(out + first, m.value[0], (size_t)m.rows * sizeof *out);
    }
}
