"""Benchmarks beside their peers, on one machine in one run; prints JSON. python3 run.py BUILD [--rows N] [--large]
Peers run in a virtual environment under BUILD/peers. Everything is timed on one core unless a row says two ranks."""
import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = ["numpy", "scikit-learn", "statsmodels", "pandas", "h5py"]
# one thread each; OpenBLAS chooses the best core for this CPU
CLEAN = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
CLEAN.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
             OMPI_MCA_btl_vader_single_copy_mechanism="none")


def sh(command, **more):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, universal_newlines=True, env=CLEAN, **more).stdout


def peers(build):
    python = os.path.join(build, "peers", "bin", "python")
    if not os.path.exists(python):
        subprocess.run([sys.executable, "-m", "venv", os.path.join(build, "peers")], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q"] + PEERS, check=True)
    return lambda *arguments: json.loads(sh([python, os.path.join(HERE, "peers.py")] + list(arguments)))


def write_job(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(text)
    return path


def job_text(data, covariates, folder, memory="2 GiB"):
    return json.dumps({"data": {"file": data}, "question": {"treatment": "t", "outcome": "y"},
                       "estimate": [{"method": "ols", "covariates": covariates}],
                       "run": {"memory": memory, "checkpoint_seconds": 600}, "output": {"folder": folder}})


def run_job(program, job, folder, ranks, rounds=3):
    """Best estimate-stage seconds of some runs, with the whole wall time beside it."""
    best = None
    for _ in range(rounds):
        subprocess.run(["rm", "-rf", folder], check=True)
        start = time.perf_counter()
        sh((["mpirun", "-n", str(ranks), "--bind-to", "core"] if ranks > 1 else []) + [program, "run", job, "--quiet"])
        wall = time.perf_counter() - start
        with open(os.path.join(folder, "results.json")) as file:
            results = json.load(file)
        stages = {t["name"]: t for t in results["timing"]["timers"]}
        row = {"seconds": stages["estimate"]["seconds_max"], "wall_seconds": wall, "ranks": ranks,
               "value": results["estimates"][0]["value"], "se": results["estimates"][0]["se"],
               "stages": {n: {k: t[k] for k in ("seconds_max", "gigabytes_per_second", "gigaflops_per_second")}
                          for n, t in stages.items()},
               "peak_bytes_rank_0": results["provenance"].get("peak_bytes_rank_0")}
        if best is None or row["seconds"] < best["seconds"]:
            best = row
    return best


def bench_csv(program, ask, folder, rows=2000000):
    stream = random.Random(1)
    path = os.path.join(folder, "a.csv")
    with open(path, "w") as file:
        file.write("id,y,x,z,w,flag,count,name,price,share,year,code\n")
        for i in range(rows):
            file.write("%d,%.6f,%.17g,%.3f,%d,%d,%d,%s,%.2f,%.10g,%d,%d\n" %
                       (i, stream.gauss(0, 1), stream.random(), stream.gauss(0, 100), stream.randrange(1000), i % 2,
                        stream.randrange(10 ** 9), stream.choice(("north", "south", "east", "west")), stream.random() * 100,
                        stream.random(), 1990 + i % 30, stream.randrange(50)))
    out, target = {"bytes": os.path.getsize(path)}, os.path.join(folder, "a.h5")
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        sh([program, "import", path, "-o", target, "--quiet"])
        seconds.append(time.perf_counter() - start)
    out["causeway"] = {"seconds": min(seconds), "megabytes_per_second": out["bytes"] / min(seconds) / 1e6,
                       "includes": "start of MPI, type inference, writing, checksums, verifying"}
    out.update(ask("csv", path))
    out["times_pandas"] = out["pandas"]["seconds"] / min(seconds)
    return out


def bench_large(build, program, folder):
    data, out = os.path.join(folder, "large.h5"), os.path.join(folder, "large")
    sh([os.path.join(build, "tests", "bench", "make_table"), "100000000", "18", data])
    covariates = ["x%d" % (j + 1) for j in range(18)]
    job = write_job(folder, "large.yaml", job_text(data, covariates, out, "1 GiB"))
    row = run_job(program, job, out, 2, rounds=1)
    os.remove(data)
    return row


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--rows", type=int, default=1000000)
    parser.add_argument("--large", action="store_true", help="also 100 million rows (16 GB on disk)")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    program = os.path.join(build, "causeway")
    ask = peers(build)
    out = {"date": time.strftime("%Y-%m-%d"), "machine": platform.processor() or platform.machine(),
           "version": sh([program, "--version"]).splitlines()}
    with tempfile.TemporaryDirectory(prefix="causeway-bench-", dir=build) as folder:
        data = os.path.join(folder, "data.h5")
        sh([os.path.join(build, "tests", "bench", "make_table"), str(options.rows), "49", data])
        covariates = ["x%d" % (j + 1) for j in range(49)]
        result = os.path.join(folder, "out")
        job = write_job(folder, "job.yaml", job_text(data, covariates, result))
        out["ols"] = {"causeway_1_rank": run_job(program, job, result, 1, 5), "causeway_2_ranks": run_job(program, job, result, 2, 5)}
        out["ols"].update(ask("ols", data))
        ours = out["ols"]["causeway_1_rank"]["seconds"]
        out["ols"]["times_numpy"] = out["ols"]["numpy_normal_equations"]["seconds"] / ours
        out["ols"]["times_sklearn"] = out["ols"]["sklearn_coefficients_only"]["seconds"] / ours
        out["ols"]["times_statsmodels"] = out["ols"]["statsmodels_hc1"]["seconds"] / ours
        out["ols"]["two_ranks"] = ours / out["ols"]["causeway_2_ranks"]["seconds"]
        out["read"] = {"causeway": json.loads(sh([os.path.join(build, "tests", "bench", "bench_read"), data]))}
        out["read"].update(ask("read", data))
        out["csv"] = bench_csv(program, ask, folder)
        out["gram"] = json.loads(sh([os.path.join(build, "tests", "bench", "bench_gram")]))
        if options.large:
            out["large"] = bench_large(build, program, folder)
    print(json.dumps(out, indent=1))


if __name__ == "__main__":
    main()
