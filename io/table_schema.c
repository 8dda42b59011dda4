#include "table_schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../src/base/sort.h"

enum { MISSINGS = 4096 };

typedef struct cw_schema_column {
    cw_column c;
    cw_note note;
    int64_t *value;  /* of the first part's labels */
    cw_texts sorted; /* all labels, bytewise, once parts differ */
    int used;        /* number of the last part that had it */
} cw_schema_column;

struct cw_schema {
    cw_env *env;
    cw_arena arena;
    int32_t columns;
    cw_schema_column *column;
    cw_lookup lookup;
    char **name;
    int parts;
    char *file, *path; /* of the first part */
};

cw_code cw_schema_create(cw_env *env, cw_schema **out) {
    CW_TRY(cw_alloc_zero(env, 1, sizeof **out, out));
    (*out)->env = env;
    cw_arena_init(&(*out)->arena, env);
    return CW_OK;
}

void cw_schema_destroy(cw_schema **schema) {
    if (!*schema) return;
    cw_env *env = (*schema)->env;
    cw_lookup_destroy(env, &(*schema)->lookup);
    cw_arena_free(&(*schema)->arena);
    cw_free(env, schema);
}

static cw_code copy_texts(cw_arena *arena, int64_t count, char *const *from, char ***to) {
    CW_TRY(cw_arena_take(arena, (size_t)count, sizeof **to, to));
    for (int64_t i = 0; i < count; i++) CW_TRY(cw_arena_copy(arena, from[i], &(*to)[i]));
    return CW_OK;
}

static cw_code add_missing(cw_schema *s, cw_schema_column *column, int32_t count, const double *code) {
    cw_column *c = &column->c;
    double *all;
    int32_t total = c->missings;
    int fresh = 0;
    for (int32_t i = 0; i < count; i++) {
        int known = code[i] != code[i];
        for (int32_t k = 0; k < c->missings; k++) known |= c->missing[k] == code[i];
        fresh += !known;
    }
    if (!fresh) return CW_OK;
    if (total + fresh > MISSINGS)
        return cw_fail(s->env, CW_BAD_DATA, s->file, NULL, "more than %d codes for missing in column %s",
                       MISSINGS, c->name);
    CW_TRY(cw_arena_take(&s->arena, (size_t)(total + fresh), sizeof *all, &all));
    if (total) memcpy(all, c->missing, (size_t)total * sizeof *all);
    for (int32_t i = 0; i < count; i++) {
        int known = code[i] != code[i];
        for (int32_t k = 0; k < total; k++) known |= all[k] == code[i];
        if (!known) all[total++] = code[i];
    }
    c->missing = all;
    c->missings = total;
    return CW_OK;
}

static cw_code set_flags(cw_schema *s, cw_schema_column *column, const cw_field *f) {
    cw_note *note = &column->note;
    if (cw_stored_is_float(&f->stored) || f->scale != 1 || f->add != 0) note->floats = 1;
    if (cw_stored_is_text(&f->stored)) note->textual = 1;
    if (f->labels > 0) note->labelled = 1;
    if (f->value) note->relabel = 1;
    if (f->stored.element == CW_E_NONE && !note->why)
        CW_TRY(cw_arena_copy(&s->arena, f->stored.why, &note->why));
    return add_missing(s, column, f->missings, f->missing);
}

static cw_code first_part(cw_schema *s, const cw_h5_part *part) {
    CW_TRY(cw_arena_copy(&s->arena, part->name, &s->file));
    CW_TRY(cw_arena_copy(&s->arena, part->path, &s->path));
    CW_TRY(cw_arena_take(&s->arena, (size_t)part->fields, sizeof *s->column, &s->column));
    CW_TRY(cw_arena_take(&s->arena, (size_t)part->fields, sizeof *s->name, &s->name));
    for (int32_t j = 0; j < part->fields; j++) {
        const cw_field *f = &part->field[j];
        cw_schema_column *column = &s->column[j];
        cw_column *c = &column->c;
        *c = (cw_column){.kind = f->kind, .storage = f->stored.storage, .scale = f->scale, .offset = f->add};
        CW_TRY(cw_arena_copy(&s->arena, f->name, &c->name));
        CW_TRY(cw_arena_copy(&s->arena, f->description, &c->description));
        CW_TRY(cw_arena_copy(&s->arena, f->unit, &c->unit));
        c->categories = f->labels;
        CW_TRY(copy_texts(&s->arena, f->labels, f->label, &c->category));
        if (f->value) {
            CW_TRY(cw_arena_take(&s->arena, (size_t)f->labels, sizeof *column->value, &column->value));
            memcpy(column->value, f->value, (size_t)f->labels * sizeof *column->value);
        }
        CW_TRY(set_flags(s, column, f));
        s->name[j] = c->name;
    }
    s->columns = part->fields;
    CW_TRY(cw_lookup_create(s->env, s->name, s->columns, s->columns, &s->lookup));
    for (int32_t j = 0; j < s->columns; j++)
        if (cw_lookup_find(&s->lookup, s->name[j], strlen(s->name[j])) != j)
            return cw_fail(s->env, CW_BAD_DATA, s->file, "rename one", "two columns are called %s",
                           s->name[j]);
    return CW_OK;
}

/* Both places are named: the first part's and this one's. */
CW_PRINTF(4, 5)
static cw_code disagree(cw_schema *s, const cw_h5_part *part, const char *column, const char *format, ...) {
    char what[CW_ERROR_TEXT / 2], where[CW_ERROR_PLACE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    cw_place_text(where, "%s:%s and %s:%s", s->file, s->path, part->name, part->path);
    return cw_fail(s->env, CW_BAD_DATA, where, "make the parts alike, or leave one out",
                   "parts disagree about column %s: %s", column, what);
}

static int is_number(cw_kind kind) {
    return kind == CW_REAL || kind == CW_INTEGER || kind == CW_BINARY;
}

/* Numbers go together and become the widest; all else must be the same. */
static cw_code agree_kind(cw_schema *s, const cw_h5_part *part, cw_schema_column *column, const cw_field *f) {
    cw_column *c = &column->c;
    int text = cw_stored_is_text(&f->stored);
    if (column->note.why || f->stored.element == CW_E_NONE) return CW_OK;
    if (text != column->note.textual)
        return disagree(s, part, c->name, "%s in the first, %s in the second",
                        column->note.textual ? "text" : "numbers", text ? "text" : "numbers");
    if (c->kind == f->kind) return CW_OK;
    if (!is_number(c->kind) || !is_number(f->kind))
        return disagree(s, part, c->name, "%s in the first, %s in the second", cw_kind_name(c->kind),
                        cw_kind_name(f->kind));
    if (f->kind < c->kind) c->kind = f->kind; /* real < integer < binary in the enumeration */
    return CW_OK;
}

static int same_labels(const cw_schema_column *column, const cw_field *f) {
    const cw_column *c = &column->c;
    if (c->categories != f->labels || !column->value != !f->value) return 0;
    for (int32_t i = 0; i < f->labels; i++) {
        if (strcmp(c->category[i], f->label[i]) != 0) return 0;
        if (f->value && f->value[i] != column->value[i]) return 0;
    }
    return 1;
}

static int is_known(const cw_texts *sorted, const char *text) {
    int64_t low = 0, high = sorted->count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        int order = strcmp(sorted->item[middle], text);
        if (!order) return 1;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

/* Where lists differ, the unified one is that of all labels, bytewise sorted. */
static cw_code agree_labels(cw_schema *s, const cw_h5_part *part, cw_schema_column *column,
                            const cw_field *f) {
    cw_column *c = &column->c;
    if (column->note.textual || column->note.why || f->stored.element == CW_E_NONE) return CW_OK;
    if (!column->note.labelled != !f->labels && part->rows)
        return disagree(s, part, c->name, "one has labels for its codes, the other has none");
    if (!f->labels || (!column->note.relabel && same_labels(column, f))) return CW_OK;
    if (column->note.relabel && !column->sorted.count && same_labels(column, f)) return CW_OK;
    if (!column->sorted.count) {
        for (int32_t i = 0; i < c->categories; i++)
            CW_TRY(cw_texts_add(&s->arena, &column->sorted, c->category[i], strlen(c->category[i])));
        CW_TRY(cw_texts_unique(s->env, &column->sorted, c->name));
    }
    column->note.relabel = 1;
    int64_t before = column->sorted.count;
    cw_texts known = column->sorted;
    for (int32_t i = 0; i < f->labels; i++)
        if (!is_known(&known, f->label[i]))
            CW_TRY(cw_texts_add(&s->arena, &column->sorted, f->label[i], strlen(f->label[i])));
    return column->sorted.count > before ? cw_texts_unique(s->env, &column->sorted, c->name) : CW_OK;
}

static cw_code agree_column(cw_schema *s, const cw_h5_part *part, cw_schema_column *column,
                            const cw_field *f) {
    cw_column *c = &column->c;
    if (column->used == s->parts) return disagree(s, part, c->name, "the second has it twice");
    column->used = s->parts;
    CW_TRY(agree_kind(s, part, column, f));
    CW_TRY(agree_labels(s, part, column, f));
    if (c->unit && f->unit && strcmp(c->unit, f->unit) != 0)
        return disagree(s, part, c->name, "unit %s in the first, %s in the second", c->unit, f->unit);
    if (!c->unit && f->unit) CW_TRY(cw_arena_copy(&s->arena, f->unit, &c->unit));
    if (!c->description && f->description) CW_TRY(cw_arena_copy(&s->arena, f->description, &c->description));
    if (c->scale != f->scale || c->offset != f->add) column->note.scales = 1;
    return set_flags(s, column, f);
}

cw_code cw_schema_take(cw_schema *s, const cw_h5_part *part) {
    s->parts += 1;
    if (s->parts == 1) return first_part(s, part);
    for (int32_t j = 0; j < part->fields; j++) {
        const char *name = part->field[j].name;
        int same = j < s->columns && !strcmp(s->name[j], name);
        int32_t at = same ? j : cw_lookup_find(&s->lookup, name, strlen(name));
        if (at < 0) return disagree(s, part, name, "the second has it, the first does not");
        CW_TRY(agree_column(s, part, &s->column[at], &part->field[j]));
    }
    for (int32_t j = 0; j < s->columns; j++)
        if (s->column[j].used != s->parts)
            return disagree(s, part, s->name[j], "the first has it, the second does not");
    return CW_OK;
}

/* -- the table's columns -- */

static cw_code say(cw_schema *s, const cw_column_spec *said) {
    int32_t j = cw_lookup_find(&s->lookup, said->name, strlen(said->name));
    cw_env *env = s->env;
    if (j < 0)
        return cw_fail(env, CW_BAD_JOB, "data.columns", "check the name (causeway inspect lists them)",
                       "the data have no column %s", said->name);
    cw_schema_column *column = &s->column[j];
    cw_column *c = &column->c;
    if (said->description) CW_TRY(cw_arena_copy(&s->arena, said->description, &c->description));
    if (said->unit) CW_TRY(cw_arena_copy(&s->arena, said->unit, &c->unit));
    CW_TRY(add_missing(s, column, said->missings, said->missing));
    if (said->kind < 0 || (cw_kind)said->kind == c->kind) return CW_OK;
    int texts = column->note.textual, coded = column->note.labelled;
    int as_labels = said->kind == CW_CATEGORY || said->kind == CW_TEXT;
    if (texts && !as_labels)
        return cw_fail(env, CW_BAD_JOB, "data.columns", "call it category or text, or store numbers",
                       "column %s is stored as text and cannot be %s", c->name,
                       cw_kind_name((cw_kind)said->kind));
    if (said->kind == CW_TEXT && !texts && !coded)
        return cw_fail(env, CW_BAD_JOB, "data.columns", "call it category",
                       "column %s is stored as numbers, not text", c->name);
    if (coded && !as_labels && said->kind != CW_BINARY)
        return cw_fail(env, CW_BAD_JOB, "data.columns", "call it category",
                       "column %s is stored as codes with labels and cannot be %s", c->name,
                       cw_kind_name((cw_kind)said->kind));
    c->kind = (cw_kind)said->kind;
    return CW_OK;
}

static cw_code move_column(cw_schema_column *column, cw_arena *to, cw_column *out) {
    const cw_column *c = &column->c;
    char *const *label = column->sorted.count ? column->sorted.item : c->category;
    *out = *c;
    out->categories = column->sorted.count ? (int32_t)column->sorted.count : c->categories;
    CW_TRY(cw_arena_copy(to, c->name, &out->name));
    CW_TRY(cw_arena_copy(to, c->description, &out->description));
    CW_TRY(cw_arena_copy(to, c->unit, &out->unit));
    CW_TRY(copy_texts(to, out->categories, label, &out->category));
    CW_TRY(cw_arena_take(to, (size_t)c->missings, sizeof *out->missing, &out->missing));
    if (c->missings) memcpy(out->missing, c->missing, (size_t)c->missings * sizeof *out->missing);
    return CW_OK;
}

cw_code cw_schema_finish(cw_schema *s, const cw_table_spec *spec, cw_table *table) {
    cw_arena *arena = &table->store->arena;
    for (int32_t i = 0; i < spec->columns; i++) CW_TRY(say(s, &spec->column[i]));
    CW_TRY(cw_arena_take(arena, (size_t)s->columns + 1, sizeof *table->column, &table->column));
    CW_TRY(cw_arena_take(arena, (size_t)s->columns + 1, sizeof *table->store->note, &table->store->note));
    for (int32_t j = 0; j < s->columns; j++) {
        cw_schema_column *column = &s->column[j];
        CW_TRY(move_column(column, arena, &table->column[j]));
        table->store->note[j] = column->note;
        CW_TRY(cw_arena_copy(arena, column->note.why, &table->store->note[j].why));
    }
    table->columns = s->columns;
    return CW_OK;
}
