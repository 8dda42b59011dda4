#include <math.h>
#include <stdio.h>
#include <string.h>

#include "page.h"
#include "results.h"

enum {
    COLUMN_ID,
    COLUMN_METHOD,
    COLUMN_EFFECT,
    COLUMN_VALUE,
    COLUMN_INTERVAL,
    COLUMN_SE,
    COLUMN_ROWS,
    COLUMN_CLUSTERS,
    COLUMNS
};

static int same(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static const char *or_else(const char *text, const char *other) {
    return text && text[0] ? text : other;
}

/* floor(log10(x)) of a positive finite number, as printf's rounding sees it. */
static int exponent(double x) {
    char text[32];
    snprintf(text, sizeof text, "%.6e", x);
    int value = 0;
    const char *e = strchr(text, 'e');
    if (e) sscanf(e + 1, "%d", &value);
    return value;
}

/* Decimals that show a number to 6 significant digits, 7 from a thousand on: 699.132, -8497.516. */
static int decimals(double x) {
    int e = exponent(fabs(x));
    int wanted = (e >= 3 ? 6 : 5) - e;
    return wanted > 0 ? wanted : 0;
}

/* Fixed point with `places` decimals, or scientific where `places` is negative; never "-0.000". */
static void number(double x, int places, char text[32]) {
    if (!isfinite(x)) {
        memcpy(text, "-", sizeof "-");
        return;
    }
    if (places < 0) {
        snprintf(text, 32, "%.5e", x);
        return;
    }
    snprintf(text, 32, "%.*f", places, x);
    if (text[0] == '-' && strspn(text + 1, "0.") == strlen(text + 1)) memmove(text, text + 1, strlen(text));
}

/* What is longer is written in scientific form. */
enum { CW_MOST_PLACES = 9, CW_MOST_DIGITS = 12 };

void cw_number_text(double value, char text[32]) {
    if (!isfinite(value) || value == 0) {
        number(value == 0 ? 0.0 : value, 0, text);
        return;
    }
    int places = decimals(value);
    number(value, places > CW_MOST_PLACES || fabs(value) >= 1e12 ? -1 : places, text);
}

/* One number of decimals for a whole table, so that the points stand under each other: what the largest
 * estimate deserves, but at least two significant digits of the smallest standard error. */
static int common_places(const cw_results *r) {
    double largest = 0, widest = 1, smallest_se = INFINITY;
    for (int32_t i = 0; i < r->entries; i++) {
        const cw_entry *entry = &r->entry[i];
        const double shown[] = {entry->value, entry->lower, entry->upper};
        if (isfinite(entry->value)) largest = fmax(largest, fabs(entry->value));
        for (int k = 1; k < 3; k++)
            if (largest == 0 && isfinite(shown[k])) largest = fabs(shown[k]);
        if (isfinite(entry->se) && entry->se > 0) smallest_se = fmin(smallest_se, entry->se);
        for (int k = 0; k < 3; k++)
            if (isfinite(shown[k])) widest = fmax(widest, fabs(shown[k]));
    }
    if (largest == 0) largest = isfinite(smallest_se) ? smallest_se : 1;
    int places = decimals(largest);
    if (isfinite(smallest_se)) {
        int needed = 1 - exponent(smallest_se);
        if (needed > places) places = needed;
    }
    return places > CW_MOST_PLACES || exponent(widest) + places > CW_MOST_DIGITS ? -1 : places;
}

static const char *method_words(const char *method) {
    if (same(method, "difference")) return "difference in means";
    if (same(method, "ols")) return "linear adjustment";
    if (same(method, "lin")) return "interacted adjustment";
    return or_else(method, "");
}

static const char *effect_words(const char *effect) {
    if (same(effect, "ate")) return "on average";
    if (same(effect, "att")) return "on average among the treated";
    if (same(effect, "atc")) return "on average among the untreated";
    return or_else(effect, "on average");
}

static void put_question(cw_page *page, const cw_results *r) {
    char from[32], to[32], effects[160] = "";
    for (int32_t i = 0; i < r->effects; i++) {
        size_t used = strlen(effects);
        const char *words = effect_words(r->effect[i]), *joint = i == 0 ? "" : ", ";
        if (i > 0 && i + 1 == r->effects) joint = " and ";
        if (used + strlen(words) + 8 < sizeof effects)
            snprintf(effects + used, sizeof effects - used, "%s%s", joint, words);
    }
    const char *words = r->effects > 0 ? effects : "on average";
    const char *treatment = or_else(r->treatment, "the treatment"),
               *outcome = or_else(r->outcome, "the outcome");
    if (isfinite(r->contrast[0]) && isfinite(r->contrast[1])) {
        cw_number_text(r->contrast[0], from);
        cw_number_text(r->contrast[1], to);
        const double ends[2] = {r->contrast[0], r->contrast[1]};
        for (int k = 0; k < 2; k++) /* whole numbers are written as such */
            if (ends[k] == rint(ends[k]) && fabs(ends[k]) < 1e15) number(ends[k], 0, k ? to : from);
        cw_page_format(page, "Question", 0, "How does %s change %s, when %s is %s rather than %s?", outcome,
                       words, treatment, to, from);
    } else {
        cw_page_format(page, "Question", 0, "What is the effect of %s on %s, %s?", treatment, outcome, words);
    }
}

static void put_answer(cw_page *page, const cw_results *r) {
    const char *text = r->answer_text;
    if (!text || !text[0]) {
        if (same(r->status, "not-identified"))
            text = "Not identified: these data and this graph do not determine the effect.";
        else
            text = "There is no answer.";
    }
    cw_page_paragraph(page, "Answer", text, 0);
}

/* 1 when all entries agree on the level of their intervals. */
static int one_level(const cw_results *r, double *level) {
    *level = NAN;
    for (int32_t i = 0; i < r->entries; i++) {
        double here = r->entry[i].level;
        if (!isfinite(here)) continue;
        if (isfinite(*level) && *level != here) return 0;
        *level = here;
    }
    return isfinite(*level);
}

/* What an estimate is called: a default id is the method's name, and then its words say more. */
static const char *name_of(const cw_entry *entry) {
    if (!entry->id || !entry->id[0] || same(entry->id, entry->method)) return method_words(entry->method);
    return entry->id;
}

/* What all rows of the table have in common. */
typedef struct cw_shape {
    int places, low_width, high_width, kind_width;
    int levels;                     /* 1: each interval tells its own */
    int methods, effects, clusters; /* columns that say something */
} cw_shape;

static void widen(int *width, const char *text) {
    int here = cw_page_width(text);
    if (here > *width) *width = here;
}

static cw_shape shape_of(const cw_results *r) {
    double level;
    cw_shape shape = {.places = common_places(r), .levels = !one_level(r, &level)};
    for (int32_t i = 0; i < r->entries; i++) {
        const cw_entry *entry = &r->entry[i];
        char text[32];
        number(entry->lower, shape.places, text);
        widen(&shape.low_width, text);
        number(entry->upper, shape.places, text);
        widen(&shape.high_width, text);
        if (isfinite(entry->se)) widen(&shape.kind_width, or_else(entry->se_kind, ""));
        if (!same(name_of(entry), method_words(entry->method))) shape.methods = 1;
        if (!same(entry->effect, r->entry[0].effect)) shape.effects = 1;
        if (entry->n_units >= 0) shape.clusters = 1;
    }
    if (shape.kind_width > 12) shape.kind_width = 12;
    return shape;
}

static void fill_heading(const cw_results *r, const cw_shape *shape, cw_cell *cell) {
    static const char *const heading[COLUMNS] = {"  estimate", "method",      "effect", ">value",
                                                 ">interval",  ">std. error", ">rows",  ">clusters"};
    for (int c = 0; c < COLUMNS; c++) cw_cell_set(&cell[c], heading[c], 40);
    double level;
    if (!shape->levels && one_level(r, &level))
        snprintf(cell[COLUMN_INTERVAL].text, CW_CELL_BYTES, ">%.6g%% interval", 100 * level);
}

static void fill_interval(const cw_entry *entry, const cw_shape *shape, cw_cell *cell) {
    char text[160], low[32], high[32], level[32] = "";
    if (!isfinite(entry->lower) && !isfinite(entry->upper)) {
        cw_cell_set(cell, "-", 1);
        return;
    }
    number(entry->lower, shape->places, low);
    number(entry->upper, shape->places, high);
    if (shape->levels && isfinite(entry->level))
        snprintf(level, sizeof level, " (%.6g%%)", 100 * entry->level);
    snprintf(text, sizeof text, "%*s to %*s%s", shape->low_width, low, shape->high_width, high, level);
    cw_cell_set(cell, text, CW_CELL_BYTES);
}

static void fill_error(const cw_entry *entry, const cw_shape *shape, cw_cell *cell) {
    char text[160], se[32];
    cw_cell kind;
    number(entry->se, shape->places, se);
    cw_cell_set(&kind, isfinite(entry->se) ? or_else(entry->se_kind, "") : "", shape->kind_width);
    int spare = shape->kind_width - cw_page_width(kind.text);
    snprintf(text, sizeof text, "%s%s%s%*s", se, shape->kind_width > 0 ? " " : "", kind.text, spare, "");
    cw_cell_set(cell, text, CW_CELL_BYTES);
}

static void fill_row(const cw_entry *entry, int primary, const cw_shape *shape, cw_cell *cell) {
    char text[160];
    snprintf(text, sizeof text, "%s %.120s", primary ? "*" : " ", name_of(entry));
    cw_cell_set(&cell[COLUMN_ID], text, 40);
    cw_cell_set(&cell[COLUMN_METHOD], shape->methods ? method_words(entry->method) : "", 30);
    cw_cell_set(&cell[COLUMN_EFFECT], shape->effects ? or_else(entry->effect, "") : "", 12);
    number(entry->value, shape->places, text);
    cw_cell_set(&cell[COLUMN_VALUE], text, 30);
    fill_interval(entry, shape, &cell[COLUMN_INTERVAL]);
    fill_error(entry, shape, &cell[COLUMN_SE]);
    snprintf(text, sizeof text, "%lld", (long long)entry->n);
    cw_cell_set(&cell[COLUMN_ROWS], text, 24);
    snprintf(text, sizeof text, "%lld", (long long)entry->n_units);
    cw_cell_set(&cell[COLUMN_CLUSTERS], !shape->clusters ? "" : entry->n_units < 0 ? "-" : text, 24);
}

static void put_missing_values(cw_page *page, const cw_results *r) {
    for (int32_t i = 0; i < r->entries && page->code == CW_OK; i++) {
        const cw_entry *entry = &r->entry[i];
        if (isfinite(entry->value)) continue;
        char *text = NULL;
        page->code = cw_format(page->env, &text, "%s: no value, because %s", name_of(entry),
                               or_else(entry->why, "the data do not support one"));
        if (page->code == CW_OK) cw_page_note(page, text);
        cw_free(page->env, &text);
    }
}

static void put_estimates(cw_page *page, const cw_results *r) {
    if (r->entries == 0 || page->code != CW_OK) return;
    cw_cell *cell = NULL;
    page->code = cw_alloc_zero(page->env, (size_t)(r->entries + 1) * COLUMNS, sizeof *cell, &cell);
    if (page->code != CW_OK) return;
    cw_shape shape = shape_of(r);
    fill_heading(r, &shape, cell);
    for (int32_t i = 0; i < r->entries; i++)
        fill_row(&r->entry[i], i == r->primary && r->entries > 1, &shape, cell + (i + 1) * COLUMNS);
    const cw_entry *first = &r->entry[r->primary >= 0 && r->primary < r->entries ? r->primary : 0];
    cw_page_blank(page);
    cw_page_format(page, "Estimates", 0, "effect of %s on %s%s%s", or_else(r->treatment, "the treatment"),
                   or_else(r->outcome, "the outcome"), or_else(first->unit, "")[0] ? ", in " : "",
                   or_else(first->unit, ""));
    cw_page_blank(page);
    cw_page_table(page, r->entries + 1, COLUMNS, cell);
    cw_free(page->env, &cell);
    if (r->entries > 1 && r->primary >= 0)
        cw_page_note(page, "* the answer: the first estimate that the job names");
    put_missing_values(page, r);
}

static void put_covariates(cw_page *page, const cw_results *r) {
    if (r->primary < 0 || r->primary >= r->entries || page->code != CW_OK) return;
    const cw_entry *entry = &r->entry[r->primary];
    size_t length = 1;
    for (int32_t i = 0; i < entry->covariates; i++) length += strlen(entry->covariate[i]) + 2;
    char *list = NULL;
    page->code = cw_alloc(page->env, length, 1, &list);
    if (page->code != CW_OK) return;
    char *to = list;
    for (int32_t i = 0; i < entry->covariates; i++)
        to += snprintf(to, length - (size_t)(to - list), "%s%s", i > 0 ? ", " : "", entry->covariate[i]);
    *to = '\0';
    cw_page_blank(page);
    cw_page_paragraph(page, "Adjusted for", entry->covariates > 0 ? list : "nothing", 0);
    cw_free(page->env, &list);
}

/* The hidden cause that would undo the first estimate that can be doubted in this way, beside the measured
 * covariate that moves it most. */
static void put_doubt(cw_page *page, const cw_results *r) {
    const cw_doubt *doubt = NULL;
    for (int32_t i = 0; i < r->doubts && !doubt; i++)
        if (isfinite(r->doubt[i].value)) doubt = &r->doubt[i];
    if (!doubt) return;
    const char *name = or_else(doubt->id, "estimate");
    for (int32_t i = 0; i < r->entries; i++)
        if (same(r->entry[i].id, doubt->id)) name = name_of(&r->entry[i]);
    char interval[80] = "; its interval holds zero already";
    if (doubt->value_level > 0)
        snprintf(interval, sizeof interval, ", and %.3g %% to bring its interval there",
                 100 * doubt->value_level);
    cw_page_blank(page);
    cw_page_format(
        page, "Sensitivity", 0,
        "%s: a hidden cause would have to explain %.3g %% of what is left of treatment and outcome "
        "to bring the estimate to zero%s.",
        name, 100 * doubt->value, interval);
    const cw_benchmark *most = NULL;
    for (int32_t i = 0; i < doubt->benchmarks; i++) {
        const cw_benchmark *b = &doubt->benchmark[i];
        if (!isfinite(b->estimate)) continue;
        double strength = b->treatment / (1 - b->treatment) * b->outcome;
        if (!most || strength > most->treatment / (1 - most->treatment) * most->outcome) most = b;
    }
    if (!most) return;
    char text[32];
    cw_number_text(most->estimate, text);
    cw_page_format(page, "", 0,
                   "One as strong as the strongest measured covariate, %s, would explain %.3g %% of the "
                   "treatment and %.3g %% of the outcome and leave %s.",
                   most->name, 100 * most->treatment, 100 * most->outcome, text);
}

/* Flags of the run and of all entries are one list, so that the gravest comes first. */
typedef struct cw_shown_flag {
    const cw_flag *flag;
    int32_t entry; /* -1: of the run */
} cw_shown_flag;

static int grade(const cw_flag *flag) {
    if (same(flag->severity, "stop")) return 0;
    return same(flag->severity, "warning") ? 1 : 2;
}

static int32_t all_flags(const cw_results *r, cw_shown_flag *shown) {
    int32_t count = 0;
    for (int32_t i = 0; i < r->flags; i++, count++)
        if (shown) shown[count] = (cw_shown_flag){&r->flag[i], -1};
    for (int32_t e = 0; e < r->entries; e++)
        for (int32_t i = 0; i < r->entry[e].flags; i++, count++)
            if (shown) shown[count] = (cw_shown_flag){&r->entry[e].flag[i], e};
    return count;
}

static int said_before(const cw_shown_flag *shown, int32_t index) {
    for (int32_t i = 0; i < index; i++)
        if (same(shown[i].flag->id, shown[index].flag->id) &&
            same(shown[i].flag->text, shown[index].flag->text))
            return 1;
    return 0;
}

/* How many entries raise the flag; 0 when the run as a whole does. */
static int32_t raised_by(const cw_shown_flag *shown, int32_t count, int32_t index) {
    int32_t entries = 0;
    for (int32_t i = index; i < count; i++) {
        if (!same(shown[i].flag->id, shown[index].flag->id) ||
            !same(shown[i].flag->text, shown[index].flag->text))
            continue;
        if (shown[i].entry < 0) return 0;
        entries++;
    }
    return entries;
}

static void put_flag(cw_page *page, const cw_results *r, const cw_shown_flag *shown, int32_t count,
                     int32_t index, const char *label) {
    static const char *const words[] = {"STOP", "warning", "note"};
    const cw_flag *flag = shown[index].flag;
    int32_t entries = raised_by(shown, count, index);
    int partly = entries > 0 && entries < r->entries;
    const char *of = partly ? name_of(&r->entry[shown[index].entry]) : "";
    char more[48] = "";
    if (partly && entries > 1) snprintf(more, sizeof more, " and %d more", (int)(entries - 1));
    cw_page_format(page, label, 2, "%s: %s%s%s%s (%s)", words[grade(flag)], of, more, partly ? ": " : "",
                   or_else(flag->text, ""), or_else(flag->id, "unnamed"));
}

static void put_flags(cw_page *page, const cw_results *r) {
    cw_page_blank(page);
    int32_t count = all_flags(r, NULL);
    if (count == 0) {
        cw_page_paragraph(page, "Flags", "none", 0);
        return;
    }
    if (page->code != CW_OK) return;
    cw_shown_flag *shown = NULL;
    page->code = cw_alloc(page->env, (size_t)count, sizeof *shown, &shown);
    if (page->code != CW_OK) return;
    all_flags(r, shown);
    const char *label = "Flags";
    for (int wanted = 0; wanted < 3; wanted++)
        for (int32_t i = 0; i < count; i++) {
            if (grade(shown[i].flag) != wanted || said_before(shown, i)) continue;
            put_flag(page, r, shown, count, i, label);
            label = "";
        }
    cw_free(page->env, &shown);
}

static int listed(int32_t count, char *const *item, const char *text) {
    for (int32_t i = 0; i < count; i++)
        if (same(item[i], text)) return 1;
    return 0;
}

static void put_assumptions(cw_page *page, const cw_results *r) {
    const cw_entry *entry = r->primary >= 0 && r->primary < r->entries ? &r->entry[r->primary] : NULL;
    cw_page_blank(page);
    const char *basis = "Follows from the graph, which data cannot prove.";
    if (r->nodes == 0)
        basis = entry && entry->covariates == 0
                    ? "No graph was given: whether this comparison needs covariates was not checked."
                    : "No graph was given: whether these covariates are the right ones was not checked.";
    cw_page_paragraph(page, "Assumptions", basis, 0);
    for (int32_t i = 0; i < r->identifications; i++) {
        const cw_identification *found = &r->identification[i];
        for (int32_t k = 0; k < found->assumptions; k++) {
            int before = 0;
            for (int32_t j = 0; j < i && !before; j++)
                before = listed(r->identification[j].assumptions, r->identification[j].assumption,
                                found->assumption[k]);
            if (!before) cw_page_format(page, "", 2, "- %s", found->assumption[k]);
        }
    }
    for (int32_t k = 0; entry && k < entry->assumptions; k++) {
        int before = 0;
        for (int32_t i = 0; i < r->identifications && !before; i++)
            before = listed(r->identification[i].assumptions, r->identification[i].assumption,
                            entry->assumption[k]);
        if (!before) cw_page_format(page, "", 2, "- %s", entry->assumption[k]);
    }
}

static void put_obstacles(cw_page *page, const cw_results *r) {
    const char *label = "Obstacle";
    for (int32_t i = 0; i < r->identifications; i++) {
        const char *obstacle = r->identification[i].obstacle;
        if (!obstacle || !obstacle[0] || r->identification[i].identified) continue;
        if (label[0]) cw_page_blank(page);
        cw_page_paragraph(page, label, obstacle, 0);
        label = "";
    }
}

static void put_rows(cw_page *page, const cw_results *r) {
    int64_t rest = r->rows - r->rows_used - r->rows_filtered - r->rows_missing;
    char filtered[64] = "", missing[64] = "", weightless[80] = "";
    if (r->rows_filtered > 0)
        snprintf(filtered, sizeof filtered, "; %lld left out by the filter", (long long)r->rows_filtered);
    if (r->rows_missing > 0)
        snprintf(missing, sizeof missing, "; %lld dropped for missing values", (long long)r->rows_missing);
    if (rest > 0) snprintf(weightless, sizeof weightless, "; %lld with weight 0", (long long)rest);
    cw_page_blank(page);
    cw_page_format(page, "Rows", 0, "%lld used of %lld%s%s%s%s", (long long)r->rows_used, (long long)r->rows,
                   filtered, missing, weightless, r->rows_used == r->rows ? "; none dropped" : "");
}

cw_code cw_results_page(cw_env *env, const cw_results *results, const char *place, char **text) {
    cw_page page;
    cw_page_begin(env, &page);
    cw_page_title(&page, or_else(results->title, "An effect"));
    cw_page_blank(&page);
    put_question(&page, results);
    put_answer(&page, results);
    put_obstacles(&page, results);
    put_estimates(&page, results);
    put_covariates(&page, results);
    put_doubt(&page, results);
    put_flags(&page, results);
    put_assumptions(&page, results);
    put_rows(&page, results);
    if (place) cw_page_verbatim(&page, "Results", place);
    return cw_page_end(&page, text);
}
