#include "pattern.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_MATCHES = 10000000 };

int cw_pattern_is(const char *text) {
    return strpbrk(text, "*?[") != NULL;
}

/* A set [..] that starts at pattern[0]: its length in bytes (0: no closing bracket, so a plain character),
 * and whether it holds c. */
static size_t match_set(const char *pattern, size_t size, unsigned char c, int *holds) {
    size_t i = 1;
    int negated = i < size && (pattern[i] == '!' || pattern[i] == '^');
    if (negated) i++;
    size_t start = i;
    int found = 0;
    for (; i < size && (pattern[i] != ']' || i == start); i++) {
        unsigned char low = (unsigned char)pattern[i], high = low;
        if (i + 2 < size && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
            high = (unsigned char)pattern[i + 2];
            i += 2;
        }
        if (low <= c && c <= high) found = 1;
    }
    if (i >= size) return 0;
    *holds = found != negated;
    return i + 1;
}

/* One pattern item against one character; returns the item's length, or 0 where it does not match. */
static size_t match_one(const char *pattern, size_t size, char c) {
    if (pattern[0] == '?') return 1;
    if (pattern[0] == '[') {
        int holds = 0;
        size_t length = match_set(pattern, size, (unsigned char)c, &holds);
        if (length) return holds ? length : 0;
    }
    if (pattern[0] == '\\' && size > 1) return pattern[1] == c ? 2 : 0;
    return pattern[0] == c ? 1 : 0;
}

/* Only the last star can need another try, so matching takes at most size * length steps. */
int cw_pattern_match(const char *pattern, size_t size, const char *name, size_t length) {
    size_t p = 0, n = 0, star = SIZE_MAX, resume = 0;
    if (length && name[0] == '.' && (!size || pattern[0] != '.')) return 0;
    while (n < length) {
        size_t step = 0;
        if (p < size && pattern[p] == '*') {
            star = ++p;
            resume = n;
            continue;
        }
        if (p < size) step = match_one(pattern + p, size - p, name[n]);
        if (step) {
            p += step;
            n++;
        } else if (star != SIZE_MAX) {
            p = star;
            n = ++resume;
        } else {
            return 0;
        }
    }
    while (p < size && pattern[p] == '*') p++;
    return p == size;
}

static int exists(const char *file) {
    struct stat status;
    return stat(file, &status) == 0;
}

static cw_code join(cw_arena *arena, const char *folder, const char *name, size_t length, char **out) {
    size_t head = strlen(folder);
    int slash = head && folder[head - 1] != '/';
    CW_TRY(cw_arena_take(arena, head + length + 2, 1, out));
    memcpy(*out, folder, head);
    if (slash) (*out)[head++] = '/';
    memcpy(*out + head, name, length);
    return CW_OK;
}

static cw_code too_many(cw_env *env, const char *folder) {
    return cw_fail(env, CW_BAD_DATA, folder, "use a narrower pattern", "a pattern matches more than %d names",
                   MAX_MATCHES);
}

/* The entries of one folder that match one component; a folder that cannot be read has none. */
static cw_code match_folder(cw_arena *arena, const char *folder, const char *pattern, size_t size,
                            cw_texts *found) {
    DIR *listing = opendir(folder[0] ? folder : ".");
    if (!listing) return CW_OK;
    cw_code code = CW_OK;
    for (struct dirent *entry; code == CW_OK && (entry = readdir(listing));) {
        size_t length = strlen(entry->d_name);
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (!cw_pattern_match(pattern, size, entry->d_name, length)) continue;
        char *path;
        code = join(arena, folder, entry->d_name, length, &path);
        if (code == CW_OK) code = cw_texts_add(arena, found, path, strlen(path));
        if (code == CW_OK && found->count > MAX_MATCHES) code = too_many(arena->env, folder);
    }
    closedir(listing);
    return code;
}

/* All folders found so far, each with one more component. */
static cw_code expand(cw_arena *arena, const cw_texts *folders, const char *component, size_t size, int last,
                      cw_texts *found) {
    char *copy;
    CW_TRY(cw_arena_text(arena, component, size, &copy));
    for (int64_t i = 0; i < folders->count; i++) {
        if (cw_pattern_is(copy)) {
            CW_TRY(match_folder(arena, folders->item[i], component, size, found));
            continue;
        }
        char *path;
        CW_TRY(join(arena, folders->item[i], component, size, &path));
        if (!last || exists(path)) CW_TRY(cw_texts_add(arena, found, path, strlen(path)));
    }
    return CW_OK;
}

static cw_code match_files(cw_arena *scratch, const char *pattern, cw_texts *found) {
    CW_TRY(cw_texts_add(scratch, found, pattern[0] == '/' ? "/" : "", pattern[0] == '/'));
    for (const char *at = pattern; *at;) {
        at += strspn(at, "/");
        size_t size = strcspn(at, "/");
        if (!size) break;
        cw_texts next = {0};
        CW_TRY(expand(scratch, found, at, size, !strchr(at, '/'), &next));
        *found = next;
        at += size;
    }
    return cw_texts_sort(scratch->env, found->item, found->count);
}

cw_code cw_pattern_files(cw_arena *arena, const char *pattern, cw_texts *files) {
    if (!cw_pattern_is(pattern) || exists(pattern)) {
        if (!exists(pattern))
            return cw_fail(arena->env, CW_NO_INPUT, pattern, "check the name and the folder",
                           "cannot read: %s", strerror(errno));
        return cw_texts_add(arena, files, pattern, strlen(pattern));
    }
    cw_arena scratch;
    cw_arena_init(&scratch, arena->env);
    cw_texts found = {0};
    int64_t before = files->count;
    cw_code code = match_files(&scratch, pattern, &found);
    for (int64_t i = 0; code == CW_OK && i < found.count; i++) {
        struct stat status;
        if (stat(found.item[i], &status) != 0 || S_ISDIR(status.st_mode)) continue;
        code = cw_texts_add(arena, files, found.item[i], strlen(found.item[i]));
    }
    cw_arena_free(&scratch);
    if (code == CW_OK && files->count == before)
        return cw_fail(arena->env, CW_NO_INPUT, pattern, "check the pattern; it takes * ? and [..]",
                       "no file matches");
    return code;
}
