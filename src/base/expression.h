/* Arithmetic on columns, written by people: `age >= 18 and region != 3`, `re74 + re75`, `log(1 + income)`.
 *
 * Grammar: numbers, column names (letters, digits, _ and . after the first; any name in backquotes), + - * /
 * ^ (or
 * **), unary -, comparisons (< <= > >= = == !=, giving 0 or 1), and or not, parentheses, and the functions
 * abs ceil cos exp floor log log1p max min mod sin sqrt tanh is_missing if(c, a, b). A missing operand (NaN)
 * makes the result missing, except in is_missing, in the branch of `if` not taken, and in `false and x`,
 * `true or x` (from either side: `x and false` is false too). Any number but 0 is true. From loose to tight:
 * or, and, not, comparisons (which do not chain), + -, * /, unary - +, ^ (from right to left: -2^2 is -4).
 * mod(a, b) has the sign of b: a - b*floor(a/b). max and min take 2 to 64 arguments. and, or, not and if are
 * reserved; the other functions' names may also be columns'. */
#ifndef CW_BASE_EXPRESSION_H
#define CW_BASE_EXPRESSION_H

#include "env.h"

typedef struct cw_expression cw_expression;

enum { CW_EXPRESSION_BYTES = 4096, CW_EXPRESSION_DEPTH = 64 };

/* Finds the index of a column by name, or -1. */
typedef int32_t (*cw_name_lookup)(void *self, const char *name);

/* Parses `text`; fails with CW_BAD_JOB, naming `what` (e.g. "data.where"), the position and what was
 * expected. */
cw_code cw_expression_parse(cw_env *env, const char *what, const char *text, cw_name_lookup lookup,
                            void *self, cw_expression **out) CW_CHECKED;
void cw_expression_destroy(cw_expression **expression);

/* The column indices that it reads, each once in ascending order. */
int32_t cw_expression_columns(const cw_expression *expression, const int32_t **columns);

/* Bytes of workspace that evaluating `rows` rows needs. */
size_t cw_expression_workspace(const cw_expression *expression, int32_t rows);

/* out[i] = value in row i; column[j] is the array of the column that the lookup called j. Bits do not depend
 * on rows being evaluated together or apart. */
void cw_expression_evaluate(const cw_expression *expression, int32_t rows, const double *const *column,
                            void *workspace, double *out);

#endif
