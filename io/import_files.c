#include <string.h>

#include "../src/base/sort.h"
#include "import_inside.h"
#include "table_parts.h"

/* What rank 0 tells of a file; `name` is an offset into the names, `map` the number of its map or -1. */
typedef struct cw_fact {
    int64_t size, body, line, stated, name, map;
    int32_t delimiter, gz;
} cw_fact;

/* Growing bytes. */
typedef struct cw_heap {
    char *data;
    size_t length, room;
} cw_heap;

static cw_code heap_add(cw_env *env, cw_heap *heap, const void *data, size_t length) {
    if (heap->length + length > heap->room) {
        size_t room = 2 * heap->room + length + 256;
        CW_TRY(cw_realloc(env, room, 1, &heap->data));
        heap->room = room;
    }
    if (length) memcpy(heap->data + heap->length, data, length);
    heap->length += length;
    return CW_OK;
}

/* What rank 0 gathers before it is shared. */
typedef struct cw_found {
    cw_heap facts, names, columns, maps;
    cw_csv_file first; /* whose columns are the table's */
    int32_t *order;    /* of its columns by name */
} cw_found;

static int by_name(const void *a, const void *b, void *self) {
    char *const *name = self;
    return strcmp(name[*(const int32_t *)a], name[*(const int32_t *)b]);
}

static int32_t find_column(const cw_found *found, const char *name) {
    int32_t low = 0, high = found->first.columns;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        int order = strcmp(found->first.column[found->order[middle]], name);
        if (order == 0) return found->order[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

static cw_code disagree(cw_env *env, const cw_csv_file *file, const char *lacking, const cw_csv_file *having,
                        const char *column) {
    return cw_fail(env, CW_BAD_DATA, file->name, "all files of a table have the same columns",
                   "%s lacks the column %s, which %s has", lacking, column, having->name);
}

/* The table's columns in the order of one more file. */
static cw_code add_map(cw_env *env, cw_found *found, const cw_csv_file *file, int64_t *map) {
    int same = file->columns == found->first.columns;
    for (int32_t c = 0; c < file->columns && same; c++)
        same = !strcmp(file->column[c], found->first.column[c]);
    *map = -1;
    if (same) return CW_OK;
    size_t row = (size_t)found->first.columns * sizeof(int32_t);
    for (int32_t c = 0; c < file->columns; c++) {
        int32_t to = find_column(found, file->column[c]);
        if (to < 0) return disagree(env, file, found->first.name, file, file->column[c]);
        CW_TRY(heap_add(env, &found->maps, &to, sizeof to));
    }
    if (file->columns == found->first.columns) { /* names are distinct: it is a permutation */
        *map = (int64_t)(found->maps.length / row) - 1;
        return CW_OK;
    }
    for (int32_t c = 0; c < found->first.columns; c++) {
        int32_t k = 0;
        while (k < file->columns && strcmp(file->column[k], found->first.column[c])) k++;
        if (k == file->columns) return disagree(env, file, file->name, &found->first, found->first.column[c]);
    }
    return cw_fail(env, CW_INTERNAL, file->name, NULL, "columns cannot be matched");
}

static cw_code take_first(cw_env *env, cw_found *found, cw_csv_file *file) {
    found->first = *file;
    *file = (cw_csv_file){0};
    CW_TRY(cw_alloc(env, (size_t)found->first.columns, sizeof *found->order, &found->order));
    for (int32_t c = 0; c < found->first.columns; c++) found->order[c] = c;
    CW_TRY(
        cw_sort(env, found->order, found->first.columns, sizeof *found->order, by_name, found->first.column));
    for (int32_t c = 0; c < found->first.columns; c++)
        CW_TRY(heap_add(env, &found->columns, found->first.column[c], strlen(found->first.column[c]) + 1));
    return CW_OK;
}

static cw_code add_file(cw_env *env, cw_found *found, const cw_named *named) {
    cw_csv_file file;
    CW_TRY(cw_csv_open(env, named->file, &file));
    cw_fact fact = {.size = file.size,
                    .body = file.body,
                    .line = file.line,
                    .stated = named->rows,
                    .name = (int64_t)found->names.length,
                    .map = -1,
                    .delimiter = file.delimiter,
                    .gz = file.gz};
    cw_code code = CW_OK;
    if (found->first.name)
        code = add_map(env, found, &file, &fact.map);
    else
        code = take_first(env, found, &file);
    if (code == CW_OK) code = heap_add(env, &found->names, named->file, strlen(named->file) + 1);
    if (code == CW_OK) code = heap_add(env, &found->facts, &fact, sizeof fact);
    cw_csv_close(env, &file);
    return code;
}

static cw_code find_all(cw_importer *import, cw_found *found) {
    cw_arena arena;
    cw_named_list list = {0};
    cw_arena_init(&arena, import->env);
    cw_code code = cw_table_named(&arena, import->spec, &list);
    for (int64_t f = 0; f < list.count && code == CW_OK; f++) {
        code = add_file(import->env, found, &list.item[f]);
        cw_progress(import->context);
    }
    cw_arena_free(&arena);
    return code;
}

static cw_code share_heap(cw_importer *import, cw_heap *heap, void **out, size_t *bytes) {
    *out = heap->data; /* NULL but on rank 0 */
    *bytes = heap->length;
    heap->data = NULL;
    return cw_broadcast_alloc(import->context, out, bytes);
}

static cw_code point_files(cw_importer *import, size_t fact_bytes, size_t map_bytes) {
    cw_import_files *in = &import->in;
    in->files = (int64_t)(fact_bytes / sizeof(cw_fact));
    CW_TRY(cw_alloc_zero(import->env, (size_t)in->files, sizeof *in->file, &in->file));
    CW_TRY(cw_alloc(import->env, (size_t)in->files, sizeof *in->stated, &in->stated));
    if (map_bytes) CW_TRY(cw_alloc_zero(import->env, (size_t)in->files, sizeof *in->map, &in->map));
    for (int64_t f = 0; f < in->files; f++) {
        cw_fact fact;
        memcpy(&fact, (const char *)in->facts + (size_t)f * sizeof fact, sizeof fact);
        in->file[f] = (cw_csv_file){.name = (char *)in->names + fact.name,
                                    .delimiter = (char)fact.delimiter,
                                    .gz = fact.gz,
                                    .size = fact.size,
                                    .body = fact.body,
                                    .line = fact.line,
                                    .columns = import->columns};
        in->stated[f] = fact.stated;
        if (fact.map >= 0) in->map[f] = (int32_t *)in->maps + fact.map * import->columns;
    }
    return CW_OK;
}

static cw_code point_columns(cw_importer *import, size_t bytes) {
    const char *names = import->in.columns;
    for (size_t i = 0; i < bytes; i++) import->columns += names[i] == '\0';
    size_t room = (size_t)import->columns + 1;
    CW_TRY(cw_alloc_zero(import->env, room, sizeof *import->column, &import->column));
    CW_TRY(cw_alloc(import->env, room, sizeof *import->lanes, &import->lanes));
    for (int32_t c = 0; c < import->columns; c++, names += strlen(names) + 1) {
        import->column[c].name = (char *)(uintptr_t)names;
        cw_labels_init(&import->column[c].labels, import->env);
    }
    cw_labels_init(&import->column[import->columns].labels, import->env);
    return CW_OK;
}

/* A part is called like its file, without folders and endings. */
static void part_name(const char *file, const char **name, size_t *length) {
    const char *slash = strrchr(file, '/');
    static const char *const endings[] = {".gz", ".csv", ".tsv", ".txt"};
    *name = slash ? slash + 1 : file;
    *length = strlen(*name);
    for (size_t e = 0; e < sizeof endings / sizeof endings[0]; e++) {
        size_t size = strlen(endings[e]);
        if (*length > size && !memcmp(*name + *length - size, endings[e], size)) {
            *length -= size;
            if (e > 0) return;
        }
    }
}

typedef struct cw_part_order {
    char *name;
    int64_t file;
} cw_part_order;

static int by_part(const void *a, const void *b, void *self) {
    (void)self;
    return strcmp(((const cw_part_order *)a)->name, ((const cw_part_order *)b)->name);
}

/* The column of part names: labels in bytewise order, one a file. */
static cw_code name_parts(cw_importer *import) {
    cw_import_files *in = &import->in;
    cw_import_column *column = &import->column[import->columns];
    cw_part_order *order = NULL;
    cw_code code = CW_OK;
    if (in->files > CW_MAX_CATEGORIES)
        return cw_fail(import->env, CW_BAD_JOB, import->spec->part_id, NULL, "more than %d parts to name",
                       CW_MAX_CATEGORIES);
    for (int32_t c = 0; c < import->columns; c++)
        if (!strcmp(import->column[c].name, import->spec->part_id))
            return cw_fail(import->env, CW_BAD_JOB, import->spec->part_id,
                           "choose another name for the parts",
                           "the files have a column of that name already");
    size_t files = (size_t)in->files;
    CW_TRY_GOTO(code, cw_alloc_zero(import->env, files, sizeof *order, &order), done);
    CW_TRY_GOTO(code, cw_alloc_zero(import->env, files, sizeof *in->part, &in->part), done);
    CW_TRY_GOTO(code, cw_alloc(import->env, files, sizeof *in->code, &in->code), done);
    for (int64_t f = 0; f < in->files; f++) {
        const char *name;
        size_t length;
        part_name(in->file[f].name, &name, &length);
        CW_TRY_GOTO(code, cw_strndup(import->env, name, length, &in->part[f]), done);
        order[f] = (cw_part_order){in->part[f], f};
    }
    CW_TRY_GOTO(code, cw_sort(import->env, order, in->files, sizeof *order, by_part, NULL), done);
    CW_TRY_GOTO(code, cw_alloc(import->env, files, sizeof *column->category, &column->category), done);
    for (int64_t k = 0; k < in->files; k++) {
        if (k > 0 && !strcmp(order[k].name, order[k - 1].name)) {
            code = cw_fail(import->env, CW_BAD_DATA, in->file[order[k].file].name,
                           "give the files distinct names", "the part is called %s, like that of %s",
                           order[k].name, in->file[order[k - 1].file].name);
            goto done;
        }
        in->code[order[k].file] = (int32_t)k;
        column->category[k] = order[k].name;
    }
    column->categories = (int32_t)in->files;
    column->name = (char *)(uintptr_t)import->spec->part_id;
    column->choice = (cw_choice){CW_LANE_LABEL, CW_CATEGORY, cw_code_storage(in->files), CW_DAYS, CW_CLASSES};
    import->part_column = import->columns;
done:
    cw_free(import->env, &order);
    return code;
}

static cw_code match_specs(cw_importer *import) {
    for (int32_t s = 0; s < import->spec->columns; s++) {
        const cw_column_spec *spec = &import->spec->column[s];
        int32_t c = 0;
        while (c < import->columns && strcmp(import->column[c].name, spec->name)) c++;
        if (import->part_column >= 0 && !strcmp(spec->name, import->spec->part_id)) c = import->part_column;
        if (c == import->columns && c != import->part_column)
            return cw_fail(import->env, CW_BAD_JOB, spec->name, "see the file's first line for its columns",
                           "%s has no such column", import->in.file[0].name);
        import->column[c].spec = spec;
    }
    return CW_OK;
}

cw_code cw_import_files_open(cw_importer *import) {
    cw_found found = {0};
    cw_import_files *in = &import->in;
    size_t facts = 0, names = 0, columns = 0, maps = 0;
    cw_code code = CW_OK;
    if (cw_context_rank(import->context) == 0) code = find_all(import, &found);
    code = cw_agree(import->context, code);
    if (code == CW_OK) code = share_heap(import, &found.facts, &in->facts, &facts);
    if (code == CW_OK) code = share_heap(import, &found.names, &in->names, &names);
    if (code == CW_OK) code = share_heap(import, &found.columns, &in->columns, &columns);
    if (code == CW_OK) code = share_heap(import, &found.maps, &in->maps, &maps);
    if (code == CW_OK) {
        import->part_column = -1;
        code = point_columns(import, columns);
        if (code == CW_OK) code = point_files(import, facts, maps);
        if (code == CW_OK && import->spec->part_id) code = name_parts(import);
        if (code == CW_OK) code = match_specs(import);
        code = cw_agree(import->context, code);
    }
    cw_csv_close(import->env, &found.first);
    cw_free(import->env, &found.order);
    cw_free(import->env, &found.facts.data);
    cw_free(import->env, &found.names.data);
    cw_free(import->env, &found.columns.data);
    cw_free(import->env, &found.maps.data);
    return code;
}

void cw_import_files_close(cw_importer *import) {
    cw_import_files *in = &import->in;
    for (int64_t f = 0; in->part && f < in->files; f++) cw_free(import->env, &in->part[f]);
    cw_free(import->env, &in->part);
    cw_free(import->env, &in->code);
    cw_free(import->env, &in->map);
    cw_free(import->env, &in->stated);
    cw_free(import->env, &in->file);
    cw_free(import->env, &in->facts);
    cw_free(import->env, &in->names);
    cw_free(import->env, &in->columns);
    cw_free(import->env, &in->maps);
}
