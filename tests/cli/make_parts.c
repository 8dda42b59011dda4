/* Writes the numbers of a CSV file (no quotes, no missing values) as HDF5 in the layouts that a simulation
 * would: make_parts groups   IN.csv OUT.h5 K   K groups /member_000/series.. of one-dimensional datasets
 *   make_parts compound IN.csv OUT.h5 1   one compound dataset /rows
 *   make_parts matrix   IN.csv OUT.h5 1   one 2-D dataset /x with an attribute `columns`
 *   make_parts files    IN.csv OUT    K   K files OUT_000.h5.. with a group /table each */
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_COLUMNS = 64, LINE = 65536 };

typedef struct data {
    int columns;
    char name[MAX_COLUMNS][64];
    long rows, room;
    double *value[MAX_COLUMNS];
} data;

static void read_csv(const char *file, data *d) {
    static char line[LINE];
    FILE *in = fopen(file, "r");
    if (!in || !fgets(line, sizeof line, in)) exit(66);
    line[strcspn(line, "\r\n")] = '\0';
    for (char *name = strtok(line, ","); name && d->columns < MAX_COLUMNS; name = strtok(NULL, ","))
        snprintf(d->name[d->columns++], sizeof d->name[0], "%s", name);
    while (fgets(line, sizeof line, in)) {
        if (d->rows == d->room) {
            d->room = d->room ? 2 * d->room : 1024;
            for (int j = 0; j < d->columns; j++) d->value[j] = realloc(d->value[j], (size_t)d->room * 8);
        }
        char *at = line;
        for (int j = 0; j < d->columns; j++) {
            d->value[j][d->rows] = strtod(at, &at);
            if (*at == ',') at++;
        }
        d->rows++;
    }
    fclose(in);
}

static void write_columns(hid_t group, const data *d, long first, long rows) {
    hsize_t size = (hsize_t)rows;
    hid_t space = H5Screate_simple(1, &size, NULL);
    for (int j = 0; j < d->columns; j++) {
        hid_t set =
            H5Dcreate2(group, d->name[j], H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        if (rows > 0) H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, d->value[j] + first);
        H5Dclose(set);
    }
    H5Sclose(space);
}

static void write_groups(const data *d, const char *out, int parts) {
    hid_t file = H5Fcreate(out, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    for (int k = 0; k < parts; k++) {
        char name[64];
        snprintf(name, sizeof name, "member_%03d", k);
        hid_t member = H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        hid_t series = H5Gcreate2(member, "series", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        write_columns(series, d, d->rows * k / parts, d->rows * (k + 1) / parts - d->rows * k / parts);
        H5Gclose(series);
        H5Gclose(member);
    }
    H5Fclose(file);
}

static void write_files(const data *d, const char *out, int parts) {
    for (int k = 0; k < parts; k++) {
        char name[4096];
        snprintf(name, sizeof name, "%s_%03d.h5", out, k);
        hid_t file = H5Fcreate(name, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
        hid_t table = H5Gcreate2(file, "table", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        write_columns(table, d, d->rows * k / parts, d->rows * (k + 1) / parts - d->rows * k / parts);
        H5Gclose(table);
        H5Fclose(file);
    }
}

static void write_compound(const data *d, const char *out) {
    hid_t type = H5Tcreate(H5T_COMPOUND, (size_t)d->columns * 8);
    for (int j = 0; j < d->columns; j++) H5Tinsert(type, d->name[j], (size_t)j * 8, H5T_NATIVE_DOUBLE);
    double *rows = malloc((size_t)d->rows * (size_t)d->columns * 8);
    for (long i = 0; i < d->rows; i++)
        for (int j = 0; j < d->columns; j++) rows[i * d->columns + j] = d->value[j][i];
    hsize_t size = (hsize_t)d->rows;
    hid_t file = H5Fcreate(out, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(1, &size, NULL);
    hid_t set = H5Dcreate2(file, "rows", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows);
    H5Dclose(set);
    H5Sclose(space);
    H5Tclose(type);
    H5Fclose(file);
    free(rows);
}

static void write_matrix(const data *d, const char *out) {
    double *rows = malloc((size_t)d->rows * (size_t)d->columns * 8);
    for (long i = 0; i < d->rows; i++)
        for (int j = 0; j < d->columns; j++) rows[i * d->columns + j] = d->value[j][i];
    hsize_t size[2] = {(hsize_t)d->rows, (hsize_t)d->columns}, names = (hsize_t)d->columns;
    hid_t file = H5Fcreate(out, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(2, size, NULL), list = H5Screate_simple(1, &names, NULL);
    hid_t set = H5Dcreate2(file, "x", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    hid_t text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, sizeof d->name[0]);
    hid_t attribute = H5Acreate2(set, "columns", text, list, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, text, d->name);
    H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows);
    H5Aclose(attribute);
    H5Dclose(set);
    H5Tclose(text);
    H5Sclose(space);
    H5Sclose(list);
    H5Fclose(file);
    free(rows);
}

int main(int argc, char **argv) {
    static data d;
    if (argc != 5) return 64;
    read_csv(argv[2], &d);
    if (strcmp(argv[1], "groups") == 0)
        write_groups(&d, argv[3], atoi(argv[4]));
    else if (strcmp(argv[1], "files") == 0)
        write_files(&d, argv[3], atoi(argv[4]));
    else if (strcmp(argv[1], "compound") == 0)
        write_compound(&d, argv[3]);
    else if (strcmp(argv[1], "matrix") == 0)
        write_matrix(&d, argv[3]);
    else
        return 64;
    for (int j = 0; j < d.columns; j++) free(d.value[j]);
    return 0;
}
