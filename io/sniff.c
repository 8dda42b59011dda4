#include "sniff.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { SNIFF_BYTES = 4096 };

typedef struct cw_magic {
    size_t offset, length;
    const char *bytes, *name, *command;
} cw_magic;

#define PANDAS(reader)                                                                                       \
    "convert it: python3 -c \"import pandas; pandas." reader                                                 \
    "('%1$s').to_csv('%1$s.csv', index=False)\", then causeway import %1$s.csv -o table.h5"
#define UNPACK(tool) "unpack it: " tool " '%1$s', and name the result"

static const cw_magic magics[] = {
    {0, 4, "PAR1", "Parquet", PANDAS("read_parquet")},
    {0, 6, "ARROW1", "Arrow or Feather", PANDAS("read_feather")},
    {0, 4, "FEA1", "Feather", PANDAS("read_feather")},
    {0, 3, "ORC", "ORC", PANDAS("read_orc")},
    {0, 11, "<stata_dta>", "Stata", PANDAS("read_stata")},
    {0, 4, "$FL2", "SPSS", PANDAS("read_spss")},
    {0, 4, "$FL3", "SPSS", PANDAS("read_spss")},
    {12, 4, "\xc2\xea\x81\x60", "SAS", PANDAS("read_sas")},
    {0, 4, "CDF\001", "classic NetCDF", "convert it: nccopy -k nc4 '%1$s' '%1$s.h5'"},
    {0, 4, "CDF\002", "classic NetCDF (64-bit offsets)", "convert it: nccopy -k nc4 '%1$s' '%1$s.h5'"},
    {0, 4, "CDF\005", "classic NetCDF (CDF-5)", "convert it: nccopy -k nc4 '%1$s' '%1$s.h5'"},
    {0, 4, "\016\003\023\001", "HDF4", "convert it: h4toh5 '%1$s' '%1$s.h5'"},
    {0, 6, "\x93NUMPY", "NumPy .npy",
     "convert it: python3 -c \"import numpy, h5py; h5py.File('%1$s.h5', 'w')['x'] = numpy.load('%1$s')\""},
    {0, 16, "SQLite format 3", "SQLite",
     "convert it: sqlite3 -header -csv '%1$s' 'select * from TABLE' > table.csv, then causeway import "
     "table.csv -o table.h5"},
    {0, 9, "SIMPLE  =", "FITS",
     "convert it: python3 -c \"from astropy.table import Table; Table.read('%1$s').write('%1$s.h5', "
     "path='/table')\""},
    {0, 5, "RDX2\n", "R .RData", "convert it: Rscript -e 'load(\"%1$s\"); write.csv(NAME, \"table.csv\")'"},
    {0, 5, "RDX3\n", "R .RData", "convert it: Rscript -e 'load(\"%1$s\"); write.csv(NAME, \"table.csv\")'"},
    {0, 2, "X\n", "R .rds",
     "convert it: Rscript -e 'write.csv(readRDS(\"%1$s\"), \"table.csv\", row.names = FALSE, na = \"\")'"},
    {0, 3, "BZh", "bzip2", UNPACK("bunzip2 -k")},
    {0, 6,
     "\xfd"
     "7zXZ",
     "xz", UNPACK("unxz -k")},
    {0, 4, "\x28\xb5\x2f\xfd", "Zstandard", UNPACK("unzstd")},
    {0, 4, "7z\xbc\xaf", "7z", UNPACK("7z x")},
    {257, 5, "ustar", "tar", UNPACK("tar xf")},
    {0, 6, "MATLAB", "MATLAB before 7.3", "save it again in MATLAB with save(..., '-v7.3')"},
    {0, 4, "Obj\001", "Avro", NULL},
    {0, 4, "%PDF", "PDF", NULL},
    {0, 2, "\xff\xfe", "UTF-16 text",
     "convert it: iconv -f UTF-16 -t UTF-8 '%1$s' > table.csv, then causeway import table.csv -o table.h5"},
    {0, 2, "\xfe\xff", "UTF-16 text",
     "convert it: iconv -f UTF-16 -t UTF-8 '%1$s' > table.csv, then causeway import table.csv -o table.h5"},
};

static int holds(const unsigned char *head, size_t length, const char *text) {
    size_t size = strlen(text);
    for (size_t i = 0; i + size <= length; i++)
        if (!memcmp(head + i, text, size)) return 1;
    return 0;
}

static int ends_with(const char *file, const char *end) {
    size_t length = strlen(file), size = strlen(end);
    return length >= size && !strcmp(file + length - size, end);
}

/* Old Stata files have no magic word: release, byte order, file type 1, unused 0. */
static int is_old_stata(const unsigned char *head, size_t length) {
    static const char releases[] = "\x69\x6c\x6e\x6f\x71\x72\x73";
    return length > 60 && head[0] && strchr(releases, head[0]) && (head[1] == 1 || head[1] == 2) &&
           head[2] == 1 && head[3] == 0;
}

static int is_text(const unsigned char *head, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (head[i] < 32 && head[i] != '\t' && head[i] != '\n' && head[i] != '\r' && head[i] != '\f')
            return 0;
    return 1;
}

static cw_sniffed other(const char *name, const char *command) {
    return (cw_sniffed){CW_FORMAT_OTHER, name, command};
}

static cw_sniffed sniff_text(const unsigned char *head, size_t length) {
    size_t i = length >= 3 && !memcmp(head, "\xef\xbb\xbf", 3) ? 3 : 0;
    while (i < length && (head[i] == ' ' || head[i] == '\t' || head[i] == '\n' || head[i] == '\r')) i++;
    if (i < length && (head[i] == '{' || head[i] == '[')) return other("JSON", PANDAS("read_json"));
    if (i < length && head[i] == '<') return other("XML or HTML", PANDAS("read_xml"));
    return (cw_sniffed){CW_FORMAT_CSV, "CSV", "import it: causeway import '%1$s' -o table.h5"};
}

static cw_sniffed sniff_bytes(const char *file, const unsigned char *head, size_t length) {
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        const cw_magic *m = &magics[i];
        if (length >= m->offset + m->length && !memcmp(head + m->offset, m->bytes, m->length))
            return other(m->name, m->command);
    }
    if (length >= 4 && !memcmp(head, "PK\003\004", 4)) {
        if (holds(head, length, "xl/") || holds(head, length, "[Content_Types]") || ends_with(file, ".xlsx"))
            return other("Excel", PANDAS("read_excel"));
        if (holds(head, length, ".npy"))
            return other("NumPy .npz", "convert it: python3 -c \"import numpy, h5py; f = "
                                       "h5py.File('%1$s.h5', 'w'); [f.create_dataset(k, data=v) for k, v in "
                                       "numpy.load('%1$s').items()]\"");
        return other("zip", UNPACK("unzip"));
    }
    if (is_old_stata(head, length)) return other("Stata", PANDAS("read_stata"));
    if (is_text(head, length)) return sniff_text(head, length);
    return other("unknown", NULL);
}

/* The HDF5 signature stands at 0 or, behind a user block, at 512, 1024, 2048, ... */
static int is_hdf5(int descriptor, int64_t size) {
    static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    for (int64_t at = 0; at + 8 <= size; at = at ? 2 * at : 512) {
        unsigned char word[8];
        if (pread(descriptor, word, 8, at) != 8) return 0;
        if (!memcmp(word, signature, 8)) return 1;
    }
    return 0;
}

static cw_sniffed sniff_gzip(const char *file) {
    unsigned char head[SNIFF_BYTES];
    gzFile packed = gzopen(file, "rb");
    int got = packed ? gzread(packed, head, sizeof head) : -1;
    if (packed) gzclose(packed);
    if (got <= 0) return other("damaged gzip", NULL);
    if (got >= 8 && !memcmp(head, "\x89HDF\r\n\x1a\n", 8)) return other("gzipped HDF5", UNPACK("gunzip -k"));
    cw_sniffed inner = sniff_bytes(file, head, (size_t)got);
    if (inner.format == CW_FORMAT_CSV) {
        inner.format = CW_FORMAT_CSV_GZ;
        inner.name = "gzipped CSV";
        return inner;
    }
    /* R packs its files itself and reads them packed. */
    if (!strncmp(inner.name, "R ", 2)) return inner;
    return other("gzip", UNPACK("gunzip -k"));
}

cw_code cw_sniff(cw_env *env, const char *file, cw_sniffed *out) {
    int descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return cw_fail(env, CW_NO_INPUT, file, "check the name, the folder and the permissions",
                       "cannot read: %s", strerror(errno));
    struct stat status;
    unsigned char head[SNIFF_BYTES];
    ssize_t got = -1;
    int regular = fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
    int folder = !regular && S_ISDIR(status.st_mode);
    if (regular) got = pread(descriptor, head, sizeof head, 0);
    int number = errno;
    int hdf5 = got > 0 && is_hdf5(descriptor, (int64_t)status.st_size);
    close(descriptor);
    if (folder) return cw_fail(env, CW_BAD_DATA, file, "name its files, e.g. FOLDER/*.h5", "is a folder");
    if (!regular) return cw_fail(env, CW_BAD_DATA, file, "copy it to a file", "is not a plain file");
    if (got < 0) return cw_fail(env, CW_IO, file, NULL, "cannot read: %s", strerror(number));
    if (got == 0) return cw_fail(env, CW_BAD_DATA, file, "write it again", "the file is empty");
    if (hdf5)
        *out = (cw_sniffed){CW_FORMAT_HDF5, "HDF5", NULL};
    else if (got >= 2 && head[0] == 0x1f && head[1] == 0x8b)
        *out = sniff_gzip(file);
    else
        *out = sniff_bytes(file, head, (size_t)got);
    return CW_OK;
}

/* Replaces every %1$s by the file's name. */
static void fill(char *text, size_t size, const char *format, const char *file) {
    size_t used = 0;
    for (const char *at = format; *at && used + 1 < size;) {
        if (!strncmp(at, "%1$s", 4)) {
            for (const char *c = file; *c && used + 1 < size; c++) text[used++] = *c;
            at += 4;
        } else {
            text[used++] = *at++;
        }
    }
    text[used] = '\0';
}

cw_code cw_sniff_refuse(cw_env *env, const char *file, const cw_sniffed *sniffed) {
    char mend[CW_ERROR_TEXT];
    fill(mend, sizeof mend, sniffed->command ? sniffed->command : "write it as CSV or HDF5", file);
    int csv = sniffed->format == CW_FORMAT_CSV || sniffed->format == CW_FORMAT_CSV_GZ;
    if (csv)
        return cw_fail(env, CW_BAD_DATA, file, mend, "a %s file has to be imported first", sniffed->name);
    if (!strcmp(sniffed->name, "unknown"))
        return cw_fail(env, CW_BAD_DATA, file, mend, "neither HDF5 nor CSV, and of no known format");
    return cw_fail(env, CW_BAD_DATA, file, mend, "a %s file, which Causeway does not read", sniffed->name);
}
