"""The house keeps its rooms: includes point one way, the mathematics imports nothing but exact functions."""
import os
import re
import subprocess
import unittest

from support import PROGRAM, ROOT, main

# who may include whom, by folder
ALLOWED = {
    "src/base": {"src/base"},
    "src/linalg": {"src/base", "src/linalg"},
    "src/graph": {"src/base", "src/graph"},
    "src/identify": {"src/base", "src/graph", "src/identify"},
    "src/learn": {"src/base", "src/linalg", "src/learn"},
    "src/estimate": {"src/base", "src/linalg", "src/learn", "src/estimate"},
    "src/bounds": {"src/base", "src/linalg", "src/bounds"},
    "src/sensitivity": {"src/base", "src/linalg", "src/sensitivity"},
    "mpi": {"src", "mpi"},
    "io": {"src", "io"},
    "jobs": {"src", "mpi", "io", "jobs"},
}
# io implements interfaces of the engine and says what is collective: these headers and no others
IO_MAY = {"mpi/context.h", "mpi/pass.h", "mpi/rowstate.h"}
# libm: only what is exact (or correctly rounded) by IEEE 754
EXACT = {"sqrt", "fma", "floor", "ceil", "fabs", "trunc", "rint", "nearbyint", "copysign", "fmin", "fmax", "ldexp",
         "frexp", "scalbn", "round"}
INEXACT = {"exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "pow", "sin", "cos", "tan", "asin", "acos", "atan",
           "atan2", "sinh", "cosh", "tanh", "erf", "erfc", "lgamma", "tgamma", "cbrt", "hypot"}
WORLD = {"fopen", "open", "socket", "connect", "printf", "fprintf", "puts", "time", "clock_gettime", "getenv", "system",
         "popen", "qsort", "rand", "srand", "exit", "abort", "malloc", "calloc", "realloc", "strtod", "setlocale"}


def sources():
    for top in ("src", "mpi", "io", "jobs"):
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(folder, name), ROOT)


def objects(top):
    """Object files of a folder in the build tree that PROGRAM belongs to."""
    for folder, _, names in os.walk(os.path.dirname(PROGRAM)):
        for name in names:
            if name.endswith(".o") and ("/" + top + "/") in os.path.join(folder, name):
                yield os.path.join(folder, name)


def symbols(file, undefined):
    out = subprocess.run(["nm", "-u" if undefined else "-g", file], stdout=subprocess.PIPE, universal_newlines=True,
                         check=True).stdout
    for line in out.splitlines():
        fields = line.split()
        if undefined or (len(fields) == 3 and fields[1] in "TDBR"):
            yield fields[-1].split("@")[0]


class Architecture(unittest.TestCase):
    def test_includes_point_one_way(self):
        seen = 0
        for file in sources():
            home = "/".join(file.split("/")[:2]) if file.startswith("src/") else file.split("/")[0]
            with open(os.path.join(ROOT, file)) as text:
                for include in re.findall(r'^\s*#\s*include\s+"([^"]+)"', text.read(), re.M):
                    seen += 1
                    target = os.path.normpath(os.path.join(os.path.dirname(file), include))
                    if home == "jobs" and include == "build_info.h":
                        continue
                    self.assertTrue(os.path.exists(os.path.join(ROOT, target)), "%s includes %s" % (file, include))
                    top = "/".join(target.split("/")[:2]) if target.startswith("src/") else target.split("/")[0]
                    fits = top in ALLOWED[home] or (top.startswith("src/") and "src" in ALLOWED[home])
                    self.assertTrue(fits or (home == "io" and target in IO_MAY), "%s includes %s" % (file, target))
        self.assertGreater(seen, 100)

    def test_only_mpi_calls_mpi(self):
        for file in sources():
            if file.startswith(("src/", "io/")):
                with open(os.path.join(ROOT, file)) as text:
                    self.assertIsNone(re.search(r"\bMPI_[A-Z][a-z_]+\s*\(", text.read()), file)

    def test_src_is_pure(self):
        count = 0
        for file in objects("src"):
            if "/real" in file:
                continue  # may call MPFR
            count += 1
            for name in symbols(file, True):
                allowed = name in ("aligned_alloc", "free") and file.endswith("env.c.o")
                self.assertFalse(name in WORLD and not allowed, "%s imports %s" % (file, name))
                self.assertFalse(name.startswith(("MPI_", "H5", "curl_", "json_", "yaml_")), file + " " + name)
        self.assertGreater(count, 10)

    def test_libm_only_where_exact(self):
        count = 0
        for top in ("src", "mpi", "jobs"):
            for file in objects(top):
                count += 1
                for name in symbols(file, True):
                    self.assertNotIn(name, INEXACT, file)
                    self.assertNotEqual(name, "qsort", file)
        self.assertGreater(count, 20)

    def test_names_begin_with_cw(self):
        for top in ("src", "mpi", "io", "jobs"):
            for file in objects(top):
                for name in symbols(file, False):
                    if name not in ("main",) and not name.startswith("__"):
                        self.assertTrue(name.startswith("cw_"), "%s exports %s" % (file, name))

    def test_files_are_short(self):
        for file in sources():
            with open(os.path.join(ROOT, file)) as text:
                self.assertLessEqual(sum(1 for _ in text), 650, file)


if __name__ == "__main__":
    main()
