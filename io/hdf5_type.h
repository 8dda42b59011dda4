/* How one value is stored in HDF5, and how it becomes a double, an integer or a text. Values are read in
 * their stored type and converted here: HDF5's own conversion halves the speed of floats and costs byte swaps
 * five times. */
#ifndef CW_IO_HDF5_TYPE_H
#define CW_IO_HDF5_TYPE_H

#include "hdf5_file.h"
#include "table.h"

typedef enum cw_element {
    CW_E_NONE, /* not to be read: `why` says why */
    CW_E_F64,
    CW_E_F32,
    CW_E_I8,
    CW_E_I16,
    CW_E_I32,
    CW_E_I64,
    CW_E_U8,
    CW_E_U16,
    CW_E_U32,
    CW_E_U64,
    CW_E_ODD, /* a float of another make: HDF5 converts it */
    CW_E_FIXED,
    CW_E_VARIABLE
} cw_element;

typedef struct cw_stored {
    cw_element element;
    int swap;        /* of the other byte order */
    int spaces;      /* a fixed text padded by spaces */
    size_t size;     /* bytes of a value in memory */
    hid_t odd;       /* type of CW_E_ODD, -1 otherwise */
    const char *why; /* of CW_E_NONE; static */
    cw_kind kind;    /* what the type alone says */
    cw_storage storage;
    int32_t labels; /* of an enumeration (but the Booleans of h5py are CW_BINARY without labels) */
    char **label;
    int64_t *value; /* of each label, as stored */
} cw_stored;

cw_code cw_stored_of(cw_arena *arena, hid_t type, cw_stored *out) CW_CHECKED;
void cw_stored_close(cw_stored *stored);
int cw_stored_is_float(const cw_stored *stored);
int cw_stored_is_text(const cw_stored *stored);

/* to[i] from the value at from + i*stride; not for CW_E_ODD and texts. */
void cw_decode_reals(const cw_stored *stored, const char *from, size_t stride, int64_t n, double *to);
/* The same for integer elements; returns the first i whose value does not fit, or -1. */
int64_t cw_decode_integers(const cw_stored *stored, const char *from, size_t stride, int64_t n, int64_t *to);
/* The text at `from` (not terminated); NULL and 0 for none. */
void cw_decode_text(const cw_stored *stored, const char *from, const char **text, size_t *length);

#endif
