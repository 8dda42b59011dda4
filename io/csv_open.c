#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../src/base/decimal.h"
#include "../src/base/sort.h"
#include "csv_text.h"
#include "table.h"

static const char candidates[] = {',', ';', '\t', '|'};

static cw_code bad(cw_env *env, const cw_csv_file *file, const char *mend, const char *what) {
    return cw_fail(env, CW_BAD_DATA, file->name, mend, "%s", what);
}

/* Passes over the record at p: its number of fields, or 0 when its end is not in the buffer. */
static int64_t fields_of(const char *p, const char *end, char delimiter, const char **next) {
    for (int64_t fields = 1;; fields++) {
        cw_csv_field field;
        cw_csv_take(p, end, delimiter, NULL, &field);
        if (!field.stop) return 0;
        const char *stop = field.stop;
        while (field.bad && stop < end && *stop != delimiter && *stop != '\n') stop++;
        if (stop == end) return 0;
        if (*stop != delimiter) {
            *next = stop + 1 + (*stop == '\r');
            return fields;
        }
        p = stop + 1;
    }
}

/* Reads on until the first record that is not empty is whole in the buffer. */
typedef struct cw_head {
    char *text;
    size_t room, length, start;
    int ended;
} cw_head;

static cw_code read_more(cw_env *env, cw_bytes *bytes, cw_head *head) {
    size_t room = head->room ? 2 * head->room : 1 << 16, got;
    CW_TRY(cw_realloc(env, room + CW_CSV_PAD, 1, &head->text));
    head->room = room;
    CW_TRY(cw_bytes_read(bytes, head->text + head->length, room - head->length, &got));
    head->ended = got < room - head->length;
    head->length += got;
    memset(head->text + head->length, 0, CW_CSV_PAD);
    if (head->ended && head->length > 0 && head->text[head->length - 1] != '\n')
        head->text[head->length++] = '\n'; /* within the padding */
    return CW_OK;
}

/* Where the header starts: behind a UTF-8 mark and empty lines. */
static size_t header_start(const cw_head *head) {
    size_t at = head->length >= 3 && !memcmp(head->text, "\xEF\xBB\xBF", 3) ? 3 : 0;
    for (; at < head->length; at++)
        if (head->text[at] != '\n' && !(head->text[at] == '\r' && head->text[at + 1] == '\n')) break;
    return at;
}

static cw_code sniff(cw_env *env, cw_bytes *bytes, cw_csv_file *file, cw_head *head, const char **next) {
    for (;;) {
        CW_TRY(read_more(env, bytes, head));
        if (head->length >= 2 && (!memcmp(head->text, "\xFF\xFE", 2) || !memcmp(head->text, "\xFE\xFF", 2)))
            return bad(env, file, "convert it with iconv -f UTF-16 -t UTF-8", "this is UTF-16 text");
        head->start = header_start(head);
        int64_t most = 0;
        int open = 0; /* with some delimiter, the header does not end here: a quote is open */
        for (size_t i = 0; i < sizeof candidates && head->start < head->length; i++) {
            const char *behind;
            int64_t fields =
                fields_of(head->text + head->start, head->text + head->length, candidates[i], &behind);
            open |= fields == 0;
            if (fields <= most) continue;
            most = fields;
            file->delimiter = candidates[i];
            *next = behind;
        }
        if (most > CW_MAX_COLUMNS)
            return cw_fail(env, CW_BAD_DATA, file->name, "split the table",
                           "%lld columns; at most %d are allowed", (long long)most, CW_MAX_COLUMNS);
        file->columns = (int32_t)most;
        if (most > 1 || (most == 1 && !open)) return CW_OK;
        if (head->ended)
            return bad(env, file, "the first line names the columns",
                       head->start < head->length ? "a quote in the header is not closed"
                                                  : "there is no header");
        if (head->length > CW_CSV_RECORD)
            return bad(env, file, "is it text, and is a quote left open?", "no line end in the first 64 MiB");
    }
}

static cw_code take_name(cw_env *env, cw_csv_file *file, int32_t c, const cw_csv_field *field) {
    const char *text = field->text;
    size_t length = field->length, wrong;
    if (field->bad)
        return cw_fail(env, CW_BAD_DATA, file->name, "quote the whole name, or end lines with LF or CRLF",
                       "the name of column %d: %s", c + 1,
                       field->bad == CW_CSV_LONE_CR ? "a carriage return without a line feed"
                                                    : "text behind a closing quote");
    if ((wrong = cw_utf8_wrong(text, length)) > 0)
        return cw_fail(env, CW_BAD_DATA, file->name, "convert it with iconv -f LATIN1 -t UTF-8",
                       "the name of column %d is not UTF-8 (its byte %zu)", c + 1, wrong);
    cw_trim(&text, &length);
    if (length == 0)
        return cw_fail(env, CW_BAD_DATA, file->name, "name it, or write without row names",
                       "column %d has no name", c + 1);
    if (length >= CW_NAME_BYTES)
        return cw_fail(env, CW_BAD_DATA, file->name, "shorten it",
                       "the name of column %d has %zu bytes; %d are allowed", c + 1, length,
                       CW_NAME_BYTES - 1);
    return cw_strndup(env, text, length, &file->column[c]);
}

static int by_name(const void *a, const void *b, void *self) {
    char *const *name = self;
    const int32_t *i = a, *j = b;
    int order = strcmp(name[*i], name[*j]);
    return order ? order : (*i > *j) - (*i < *j);
}

static cw_code refuse_repeated(cw_env *env, const cw_csv_file *file) {
    int32_t *order = NULL;
    CW_TRY(cw_alloc(env, (size_t)file->columns, sizeof *order, &order));
    for (int32_t c = 0; c < file->columns; c++) order[c] = c;
    cw_code code = cw_sort(env, order, file->columns, sizeof *order, by_name, file->column);
    for (int32_t c = 1; c < file->columns && code == CW_OK; c++)
        if (!strcmp(file->column[order[c - 1]], file->column[order[c]]))
            code = cw_fail(env, CW_BAD_DATA, file->name, "rename one of them",
                           "columns %d and %d are both named %s", order[c - 1] + 1, order[c] + 1,
                           file->column[order[c]]);
    cw_free(env, &order);
    return code;
}

/* Names that are numbers one and all are most likely the first row of a table without a header. */
static cw_code refuse_data(cw_env *env, const cw_csv_file *file) {
    for (int32_t c = 0; c < file->columns; c++) {
        char name[CW_NAME_BYTES + CW_NUMBER_PAD] = {0};
        int64_t integer;
        double real;
        size_t length = strlen(file->column[c]);
        memcpy(name, file->column[c], length);
        if (!cw_number_parse(name, length, &integer, &real)) return CW_OK;
    }
    return bad(env, file, "put a line with the columns' names first", "the first line has only numbers");
}

static cw_code take_names(cw_env *env, cw_csv_file *file, const cw_head *head, const char *next) {
    char *scratch = NULL;
    CW_TRY(cw_alloc_zero(env, (size_t)file->columns, sizeof *file->column, &file->column));
    CW_TRY(cw_alloc(env, head->length, 1, &scratch));
    cw_code code = CW_OK;
    const char *p = head->text + head->start;
    for (int32_t c = 0; c < file->columns && code == CW_OK; c++) {
        cw_csv_field field;
        cw_csv_take(p, head->text + head->length, file->delimiter, scratch, &field);
        code = take_name(env, file, c, &field);
        p = field.stop + 1;
    }
    cw_free(env, &scratch);
    CW_TRY(code);
    file->line = 1;
    for (p = head->text; p < next; p++) file->line += *p == '\n';
    file->body = next - head->text;
    CW_TRY(refuse_data(env, file));
    return refuse_repeated(env, file);
}

static cw_code look(cw_env *env, cw_csv_file *file) {
    struct stat status;
    unsigned char magic[2] = {0};
    int descriptor = open(file->name, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0 || fstat(descriptor, &status) != 0) {
        int number = errno;
        if (descriptor >= 0) close(descriptor);
        return cw_fail(env, CW_NO_INPUT, file->name, "check the name and permissions", "cannot read: %s",
                       strerror(number));
    }
    ssize_t got = pread(descriptor, magic, 2, 0);
    close(descriptor);
    if (!S_ISREG(status.st_mode))
        return cw_fail(env, CW_NO_INPUT, file->name, "name a file on disk", "is not a regular file");
    file->gz = got == 2 && magic[0] == 0x1F && magic[1] == 0x8B;
    file->size = status.st_size;
    return CW_OK;
}

cw_code cw_csv_open(cw_env *env, const char *name, cw_csv_file *out) {
    *out = (cw_csv_file){0};
    cw_bytes *bytes = NULL;
    cw_head head = {0};
    const char *next = NULL;
    cw_code code = CW_OK;
    CW_TRY_GOTO(code, cw_strdup(env, name, &out->name), done);
    CW_TRY_GOTO(code, look(env, out), done);
    CW_TRY_GOTO(code, cw_bytes_open(env, out->name, out->gz, 0, &bytes), done);
    CW_TRY_GOTO(code, sniff(env, bytes, out, &head, &next), done);
    CW_TRY_GOTO(code, take_names(env, out, &head, next), done);
    if (!out->gz && out->body > out->size) out->body = out->size; /* the header's line feed was supplied */
done:
    cw_bytes_close(&bytes);
    cw_free(env, &head.text);
    if (code != CW_OK) cw_csv_close(env, out);
    return code;
}

void cw_csv_close(cw_env *env, cw_csv_file *file) {
    for (int32_t c = 0; c < file->columns && file->column; c++) cw_free(env, &file->column[c]);
    cw_free(env, &file->column);
    cw_free(env, &file->name);
    *file = (cw_csv_file){0};
}
