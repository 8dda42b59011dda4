"""Makes the HDF5 fixtures as h5py and pandas write them: python3 make.py (needs numpy, h5py, pandas, PyTables)."""
import os
import subprocess

import h5py
import numpy as np
import pandas as pd

os.chdir(os.path.dirname(os.path.abspath(__file__)))
n = 5
y = np.array([1.5, -2.0, np.nan, 4.25, 1e-3])
i = np.array([1, 2, 3, 4, 5], "i4")
b = np.array([True, False, True, True, False])
label = ["north", "south", "east", "north", "west"]

with h5py.File("h5py_group.h5", "w", libver=("earliest", "v110")) as f:
    g = f.create_group("run/table")
    d = g.create_dataset("y", data=y)
    d.attrs["description"] = "outcome"
    d.attrs["unit"] = "USD"
    d = g.create_dataset("i", data=i)
    d.attrs["missing"] = np.array([3], "i4")
    g["b"] = b
    g["f4"] = y.astype("f4")
    g["half"] = y.astype("f2")
    g["big"] = y.astype(">f8")
    g["u64"] = np.array([0, 1, 2, 3, 2**63 - 1], "u8")
    g["text"] = np.array(label, dtype=h5py.string_dtype())
    g["fixed"] = np.array(label, "S8")
    g.create_dataset("colour", data=np.array([5, 7, 5, 9, 7], "i2"),
                     dtype=h5py.enum_dtype({"red": 5, "green": 7, "blue": 9}, basetype="i2"))
    d = g.create_dataset("region", data=np.array([0, 1, 2, 0, -1], "i1"))
    d.attrs["categories"] = ["north", "south", "east"]
    d = g.create_dataset("when", data=np.array(["2020-01-01", "2020-01-02", "NaT", "2020-01-04", "2020-01-05"],
                                               "M8[ns]").astype(h5py.opaque_dtype("M8[ns]")))
    g.create_dataset("packed", data=np.array([10, 20, -999, 40, 50], "i2"))
    g["packed"].attrs.update({"scale_factor": 0.5, "add_offset": 100.0, "_FillValue": np.int16(-999), "units": "K",
                              "long_name": "temperature"})
    g.create_dataset("zipped", data=np.arange(n) * 1.0, chunks=(2,), compression="gzip", shuffle=True)
    g["complex"] = y + 1j

with h5py.File("h5py_compound.h5", "w") as f:
    t = np.zeros(n, [("y", "f8"), ("i", ">i4"), ("name", "S6"), ("ok", "?"), ("v", "f4", (2,))])
    t["y"], t["i"], t["name"], t["ok"] = y, i, label, b
    t["v"] = np.arange(2 * n).reshape(n, 2)
    f["deep/er/records"] = t
    f["deep/er/records"].attrs["y.unit"] = "USD"

with h5py.File("h5py_matrix.h5", "w") as f:
    m = np.arange(3.0 * n).reshape(n, 3)
    f["m"] = m
    f["m"].attrs["names"] = ["a", "b", "c"]
with h5py.File("h5py_lines.h5", "w") as f:
    f["m"] = m.T.astype("f4")
    f["m_names"] = np.array(["a", "b", "c"], dtype=h5py.string_dtype())

df = pd.DataFrame({"y": y, "i": i.astype("i8"), "z": y * 2, "b": b,
                   "t": pd.to_datetime(["2020-01-01", "2020-01-02", None, "2020-01-04", "2020-01-05"])})
df.set_index(pd.Index([10, 11, 12, 13, 14], name="id")).to_hdf("pandas_fixed.h5", key="df", format="fixed")
df["s"] = label
df["c"] = pd.Categorical(label)


def squeeze(name, **how):
    """PyTables makes room for a lot, and indexes labels: both are taken away."""
    with pd.HDFStore(name, "w", complevel=9, complib="zlib") as store:
        store.append("df", df, index=False, expectedrows=5, **how)
    with h5py.File(name, "a") as f:
        for column in f.get("df/meta", ()):
            del f["df/meta"][column]["meta/_i_table"]
    subprocess.run(["h5repack", name, name + ".small"], check=True)
    os.replace(name + ".small", name)


squeeze("pandas_table.h5")
squeeze("pandas_columns.h5", data_columns=True)

with h5py.File("netcdf4_like.h5", "w") as f:
    f.attrs["_NCProperties"] = "version=2,netcdf=4.9.0,hdf5=1.12.2"
    time = f.create_dataset("time", data=np.arange(n) * 1.0)
    time.make_scale("time")
    time.attrs["units"] = "days since 2000-01-01"
    lat = f.create_dataset("lat", data=np.arange(3) * 10.0)
    lat.make_scale("lat")
    station = f.create_dataset("station", data=np.zeros(7, "f4"))
    station.make_scale("This is a netCDF dimension but not a netCDF variable.         7")
    d = f.create_dataset("tas", data=np.array([100, 200, -32768, 300, 400], "i2"))
    d.attrs.update({"scale_factor": np.float32(0.25), "add_offset": np.float32(10), "_FillValue": np.int16(-32768),
                    "units": "K", "long_name": "air temperature"})
    d.dims[0].attach_scale(time)
    d = f.create_dataset("pr", data=np.array([1, 2, 9.96921e36, 4, 5], "f4"))
    d.attrs["missing_value"] = np.float32(9.96921e36)
    d.dims[0].attach_scale(time)
    f["grid"] = np.zeros((3, 2, 2))

with h5py.File("anndata_like.h5", "w") as f:
    g = f.create_group("obs")
    g.attrs["encoding-type"] = "dataframe"
    g.attrs["_index"] = "cell"
    g["cell"] = np.array(["a", "b", "c", "d", "e"], dtype=h5py.string_dtype())
    g["depth"] = y
    k = g.create_group("kind")
    k.attrs["encoding-type"] = "categorical"
    k["codes"] = np.array([1, 0, -1, 1, 0], "i1")
    k["categories"] = np.array(["T", "B"], dtype=h5py.string_dtype())
