/* A view: a source made from another source, with derived columns, a row filter, weights and a rule for
 * missing values. It is where a job's `data` section becomes blocks; whatever comes after sees only weights.
 */
#ifndef CW_BASE_VIEW_H
#define CW_BASE_VIEW_H

#include "block.h"
#include "expression.h"

/* One real column of the view: a column of the base (formula NULL), or an expression over the base's reals.
 */
typedef struct cw_view_column {
    int32_t base;                 /* index of the base's real column; ignored with a formula */
    const cw_expression *formula; /* borrowed */
    double low, high;             /* a value outside is an error (bad data); -INFINITY, INFINITY: any */
} cw_view_column;

typedef struct cw_view_spec {
    int32_t columns;
    const cw_view_column *column;
    const cw_expression *where; /* rows where it is 0 or missing are excluded; NULL: all rows. Borrowed. */
    int32_t weight;             /* index in `column` of the weights, -1: none. Also kept as a column. */
    int32_t
        required; /* the first `required` columns may not be missing in an included row; all keys may not */
    const char *const *name; /* of the columns, then of the base's keys: for messages */
} cw_view_spec;

/* What became of a row, in the view's last real column (index spec.columns): so that accumulators can count
 * it, exactly and whatever was read before a resume. MISSING + k: dropped because required column k (an index
 * into `name`) is the first that is missing. */
enum { CW_FATE_USED = 0, CW_FATE_FILTERED = 1, CW_FATE_WEIGHTLESS = 2, CW_FATE_MISSING = 3 };

typedef struct cw_view cw_view;

/* Excludes rows by setting their weight to 0: filter false, weight 0, or a required value missing (these
 * rows' real values become 0, so that 0*NaN never arises; keys stay). A negative, missing or infinite weight
 * in a row that the filter keeps, and a value out of range in an included row, fail the read with CW_BAD_DATA
 * naming column and row (1-based, as stored; of several the first row, then the first column). Rows that the
 * base weighs 0 stay excluded (weightless); its other weights multiply. The base is borrowed, `spec`
 * is copied except for its expressions. Where nothing in a block is derived or excluded, the base's arrays
 * are handed through. Not collective. */
cw_code cw_view_create(cw_env *env, const cw_source *base, const cw_view_spec *spec,
                       cw_view **out) CW_CHECKED;
void cw_view_destroy(cw_view **view);
cw_source cw_view_source(cw_view *view);

#endif
