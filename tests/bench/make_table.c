/* make_table ROWS COVARIATES OUT.h5: simulated rows in one HDF5 group, one contiguous dataset of doubles a
 * column: y = 2 t + sum of x_j / j + noise, t depends on x_1. The same bytes every time. */
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/base/random.h"

enum { CHUNK = 65536, MAX_COLUMNS = 1024 };

/* Roughly normal and quick: the sum of four uniforms, centred and scaled. */
static double draw(cw_stream stream, uint64_t row, uint32_t column) {
    uint64_t words[2];
    cw_stream_words(stream, row, column, 0, words);
    double sum = 0;
    for (int k = 0; k < 4; k++)
        sum += (double)(words[k / 2] >> (k % 2 ? 32 : 0) & 0xffffffffu) / 4294967296.0;
    return (sum - 2.0) * 1.7320508075688772;
}

int main(int argc, char **argv) {
    if (argc != 4) return 64;
    long long rows = atoll(argv[1]);
    int p = atoi(argv[2]), columns = p + 2;
    if (rows < 1 || p < 1 || columns > MAX_COLUMNS) return 64;
    hid_t file = H5Fcreate(argv[3], H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t group = H5Gcreate2(file, "table", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    hsize_t size = (hsize_t)rows;
    hid_t space = H5Screate_simple(1, &size, NULL);
    hid_t set[MAX_COLUMNS];
    for (int j = 0; j < columns; j++) {
        char name[16];
        snprintf(name, sizeof name, j == 0 ? "y" : j == 1 ? "t" : "x%d", j - 1);
        set[j] = H5Dcreate2(group, name, H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    }
    cw_stream stream = cw_stream_make(1, "bench rows", "", 0);
    double *value = malloc((size_t)columns * CHUNK * sizeof *value);
    for (hsize_t first = 0; first < size; first += CHUNK) {
        hsize_t count = size - first < CHUNK ? size - first : CHUNK;
        for (hsize_t i = 0; i < count; i++) {
            double y = draw(stream, first + i, 0);
            for (int j = 2; j < columns; j++) {
                double x = draw(stream, first + i, (uint32_t)j);
                value[(size_t)j * CHUNK + i] = x;
                y += x / (j - 1);
            }
            double t = value[2 * (size_t)CHUNK + i] + draw(stream, first + i, 1) > 0;
            value[CHUNK + i] = t;
            value[i] = y + 2 * t;
        }
        hid_t memory = H5Screate_simple(1, &count, NULL);
        H5Sselect_hyperslab(space, H5S_SELECT_SET, &first, NULL, &count, NULL);
        for (int j = 0; j < columns; j++)
            H5Dwrite(set[j], H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, value + (size_t)j * CHUNK);
        H5Sclose(memory);
    }
    for (int j = 0; j < columns; j++) H5Dclose(set[j]);
    H5Sclose(space);
    H5Gclose(group);
    free(value);
    return H5Fclose(file) < 0;
}
