# Kernels for one instruction set stand in files named *_avx2.c and *_avx512.c; only these get its flags, and they are
# entered only after the CPU was asked. Everything else runs on any CPU of the architecture.
file(GLOB avx2_kernels CONFIGURE_DEPENDS src/*/*_avx2.c)
file(GLOB avx512_kernels CONFIGURE_DEPENDS src/*/*_avx512.c)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
  set_source_files_properties(${avx2_kernels} PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma")
  set_source_files_properties(${avx512_kernels} PROPERTIES COMPILE_OPTIONS "-mavx512f;-mavx512dq;-mavx512vl;-mfma")
endif()
