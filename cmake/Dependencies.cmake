# Every library is found in the system's usual way and can be given by plain variables instead
# (for example -DYAML_LIBRARIES=... -DYAML_INCLUDE_DIRS=...). An empty *_LIBRARIES that is set means: the compiler
# wrapper has it.
find_package(PkgConfig)
find_package(MPI REQUIRED COMPONENTS C)
find_package(ZLIB REQUIRED)

# cw::<name> from variables, else pkg-config, else a plain library search.
function(causeway_dependency name upper pkg header library)
  add_library(cw::${name} INTERFACE IMPORTED GLOBAL)
  if(NOT DEFINED ${upper}_LIBRARIES AND PkgConfig_FOUND AND pkg)
    pkg_check_modules(PC_${upper} QUIET ${pkg})
    if(PC_${upper}_FOUND)
      set(${upper}_LIBRARIES ${PC_${upper}_LINK_LIBRARIES})
      set(${upper}_INCLUDE_DIRS ${PC_${upper}_INCLUDE_DIRS})
    endif()
  endif()
  if(NOT DEFINED ${upper}_LIBRARIES)
    find_library(${upper}_FOUND_LIBRARY ${library})
    find_path(${upper}_FOUND_INCLUDE ${header})
    if(NOT ${upper}_FOUND_LIBRARY OR NOT ${upper}_FOUND_INCLUDE)
      message(FATAL_ERROR "${name} not found: install its development package, or give "
                          "-D${upper}_LIBRARIES= and -D${upper}_INCLUDE_DIRS=")
    endif()
    set(${upper}_LIBRARIES ${${upper}_FOUND_LIBRARY})
    set(${upper}_INCLUDE_DIRS ${${upper}_FOUND_INCLUDE})
  endif()
  set_target_properties(cw::${name} PROPERTIES INTERFACE_LINK_LIBRARIES "${${upper}_LIBRARIES}"
                                               INTERFACE_INCLUDE_DIRECTORIES "${${upper}_INCLUDE_DIRS}")
endfunction()

causeway_dependency(mpfr MPFR mpfr mpfr.h mpfr)
causeway_dependency(yaml YAML yaml-0.1 yaml.h yaml)
causeway_dependency(jansson JANSSON jansson jansson.h jansson)

# HDF5: only the serial interface is used; a parallel build serves as well.
add_library(cw::hdf5 INTERFACE IMPORTED GLOBAL)
if(NOT DEFINED HDF5_LIBRARIES)
  set(HDF5_PREFER_PARALLEL FALSE)
  find_package(HDF5 1.10 REQUIRED COMPONENTS C)
  set(HDF5_LIBRARIES ${HDF5_C_LIBRARIES})
  set(HDF5_INCLUDE_DIRS ${HDF5_C_INCLUDE_DIRS})
endif()
set_target_properties(cw::hdf5 PROPERTIES INTERFACE_LINK_LIBRARIES "${HDF5_LIBRARIES}"
                                          INTERFACE_INCLUDE_DIRECTORIES "${HDF5_INCLUDE_DIRS}")

# BLAS: for the benchmarks' comparison and the reported core only; no promised bit passes through it.
add_library(cw::blas INTERFACE IMPORTED GLOBAL)
if(NOT DEFINED BLAS_LIBRARIES)
  find_package(BLAS REQUIRED)
endif()
set_target_properties(cw::blas PROPERTIES INTERFACE_LINK_LIBRARIES "${BLAS_LIBRARIES}")
