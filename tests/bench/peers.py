"""The peers, timed on the same file in a process of their own. Prints one JSON object.
   peers.py ols FILE.h5 | read FILE.h5 | csv FILE.csv"""
import json
import sys
import time


def best(work, rounds=3):
    seconds, value = [], None
    for _ in range(rounds):
        start = time.perf_counter()
        value = work()
        seconds.append(time.perf_counter() - start)
    return min(seconds), value


def load(path):
    import h5py
    import numpy as np
    with h5py.File(path) as file:
        table = file["table"]
        names = ["t"] + sorted((n for n in table if n[0] == "x"), key=lambda n: int(n[1:]))
        x = np.empty((table["y"].shape[0], len(names)))
        for j, name in enumerate(names):
            x[:, j] = table[name][:]
        return x, table["y"][:]


def ols(path):
    import numpy as np
    from sklearn.linear_model import LinearRegression
    import statsmodels.api as sm
    x, y = load(path)
    design = np.column_stack([np.ones(len(y)), x])

    def normal_equations():
        inverse = np.linalg.inv(design.T @ design)
        beta = inverse @ (design.T @ y)
        scores = design * (y - design @ beta)[:, None]
        variance = inverse @ (scores.T @ scores) @ inverse * len(y) / (len(y) - design.shape[1])
        return beta[1], variance[1, 1] ** 0.5

    def least_squares():
        fit = LinearRegression().fit(x, y)
        return fit.coef_[0]

    def statsmodels():
        fit = sm.OLS(y, design).fit(cov_type="HC1")
        return fit.params[1], fit.bse[1]

    out = {"rows": len(y), "columns": x.shape[1]}
    for name, work, rounds in (("numpy_normal_equations", normal_equations, 5), ("sklearn_coefficients_only", least_squares, 2),
                               ("statsmodels_hc1", statsmodels, 2)):
        seconds, value = best(work, rounds)
        out[name] = {"seconds": seconds, "value": float(value[0] if isinstance(value, tuple) else value)}
        if isinstance(value, tuple):
            out[name]["se"] = float(value[1])
    return out


def read(path):
    import h5py

    def columns():
        total = 0
        with h5py.File(path) as file:
            for name in file["table"]:
                total += file["table"][name][:].nbytes
        return total

    seconds, total = best(columns, 5)
    return {"h5py": {"seconds": seconds, "gigabytes_per_second": total / seconds / 1e9}}


def csv(path):
    import pandas
    seconds, frame = best(lambda: pandas.read_csv(path), 3)
    return {"pandas": {"seconds": seconds, "rows": len(frame)}}


if __name__ == "__main__":
    print(json.dumps({"ols": ols, "read": read, "csv": csv}[sys.argv[1]](sys.argv[2])))
