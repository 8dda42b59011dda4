/* An inspection as text and as JSON. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "inspect_internal.h"
#include "json.h"

enum { PARTS_SHOWN = 10, PARTS_LISTED = 10000, LABELS_LISTED = 1000 };

/* -- JSON -- */

static void json_column(cw_json *json, const cw_inspection *in, int32_t j) {
    const cw_column *c = &in->table->column[j];
    const cw_found *f = &in->found[j];
    cw_json_object(json, NULL);
    cw_json_string(json, "name", c->name);
    cw_json_string(json, "kind", cw_kind_name(c->kind));
    cw_json_string(json, "stored", cw_storage_name(c->storage));
    cw_json_string(json, "unit", c->unit);
    cw_json_string(json, "description", c->description);
    if (f->missing >= 0 && !f->why)
        cw_json_int(json, "missing", f->missing);
    else
        cw_json_null(json, "missing");
    cw_json_real(json, "minimum", f->low);
    cw_json_real(json, "mean", f->mean);
    cw_json_real(json, "maximum", f->high);
    if (f->labels >= 0)
        cw_json_int(json, "labels", f->labels);
    else
        cw_json_null(json, "labels");
    cw_json_array(json, "categories");
    for (int32_t k = 0; k < c->categories && k < LABELS_LISTED; k++)
        cw_json_string(json, NULL, c->category[k]);
    cw_json_end(json);
    cw_json_array(json, "missing_codes");
    for (int32_t k = 0; k < c->missings; k++) cw_json_real(json, NULL, c->missing[k]);
    cw_json_end(json);
    cw_json_string(json, "why", f->why);
    cw_json_end(json);
}

static cw_code write_json(cw_inspection *in, char **text) {
    const cw_table *table = in->table;
    cw_json *json;
    size_t length;
    CW_TRY(cw_json_create(in->env, &json));
    cw_json_object(json, NULL);
    cw_json_int(json, "rows", table->rows);
    cw_json_int(json, "parts", table->parts);
    cw_json_array(json, "columns");
    for (int32_t j = 0; j < table->columns; j++) json_column(json, in, j);
    cw_json_end(json);
    cw_json_array(json, "part");
    for (int64_t p = 0; p < table->parts && p < PARTS_LISTED; p++) {
        cw_json_object(json, NULL);
        cw_json_string(json, "file", table->part[p].file);
        cw_json_string(json, "path", table->part[p].path);
        cw_json_int(json, "rows", table->part[p].rows);
        cw_json_end(json);
    }
    cw_json_end(json);
    cw_json_array(json, "advice");
    for (int64_t a = 0; a < in->advice.count; a++) cw_json_string(json, NULL, in->advice.item[a]);
    cw_json_end(json);
    cw_json_end(json);
    cw_code code = cw_json_finish(json, text, &length);
    cw_json_destroy(&json);
    return code;
}

/* -- text -- */

typedef struct cw_page {
    cw_env *env;
    char *text;
    size_t used, room;
    cw_code code;
} cw_page;

CW_PRINTF(2, 3)
static void line(cw_page *page, const char *format, ...) {
    char piece[1200];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(piece, sizeof piece, format, arguments);
    va_end(arguments);
    if (length >= (int)sizeof piece) length = (int)sizeof piece - 1;
    if (page->code != CW_OK || length < 0) return;
    if (page->used + (size_t)length + 1 > page->room) {
        size_t room = 2 * page->room + (size_t)length + 4096;
        page->code = cw_realloc(page->env, room, 1, &page->text);
        if (page->code != CW_OK) return;
        page->room = room;
    }
    memcpy(page->text + page->used, piece, (size_t)length + 1);
    page->used += (size_t)length;
}

static void number(double value, char text[16]) {
    if (value != value)
        snprintf(text, 16, "-");
    else
        snprintf(text, 16, "%.6g", value);
}

static void text_column(cw_page *page, const cw_inspection *in, int32_t j, int width) {
    const cw_column *c = &in->table->column[j];
    const cw_found *f = &in->found[j];
    char low[16], mean[16], high[16], missing[24] = "-";
    const int coded = f->labels >= 0 || f->why != NULL;
    number(coded ? NAN : f->low, low);
    number(coded ? NAN : f->mean, mean);
    number(coded ? NAN : f->high, high);
    if (!f->why) snprintf(missing, sizeof missing, "%lld", (long long)f->missing);
    line(page, "  %-*.*s  %-8s  %-6s  %12s  %12s  %12s  %12s  %s", width, width, c->name,
         cw_kind_name(c->kind), cw_storage_name(c->storage), missing, low, mean, high,
         c->unit ? c->unit : "");
    if (f->labels >= 0) line(page, "  %lld labels", (long long)f->labels);
    if (c->description) line(page, "%s  %.200s", f->labels >= 0 ? "," : "", c->description);
    if (f->why) line(page, "  not read: %s", f->why);
    line(page, "\n");
}

static cw_code write_text(cw_inspection *in, char **text) {
    const cw_table *table = in->table;
    cw_page page = {.env = in->env};
    int width = 6;
    for (int32_t j = 0; j < table->columns; j++) {
        int length = (int)strnlen(table->column[j].name, 40);
        if (length > width) width = length;
    }
    line(&page, "%lld rows, %d columns, %lld part%s\n\n", (long long)table->rows, (int)table->columns,
         (long long)table->parts, table->parts == 1 ? "" : "s");
    line(&page, "  %-*s  %-8s  %-6s  %12s  %12s  %12s  %12s  unit, labels, description\n", width, "column",
         "kind", "stored", "missing", "minimum", "mean", "maximum");
    for (int32_t j = 0; j < table->columns; j++) text_column(&page, in, j, width);
    line(&page, "\n");
    for (int64_t p = 0; p < table->parts && p < PARTS_SHOWN; p++)
        line(&page, "  %s:%s  %lld rows\n", table->part[p].file, table->part[p].path,
             (long long)table->part[p].rows);
    if (table->parts > PARTS_SHOWN)
        line(&page, "  and %lld more parts\n", (long long)(table->parts - PARTS_SHOWN));
    if (in->advice.count) line(&page, "\nTo read it faster:\n");
    for (int64_t a = 0; a < in->advice.count; a++) line(&page, "  %s\n", in->advice.item[a]);
    if (page.code != CW_OK) cw_free(in->env, &page.text);
    *text = page.text;
    return page.code;
}

cw_code cw_inspect_write(cw_inspection *in, int json, char **text) {
    return json ? write_json(in, text) : write_text(in, text);
}
