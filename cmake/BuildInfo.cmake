# What the binary says of itself (causeway --version).
configure_file(${CMAKE_CURRENT_SOURCE_DIR}/cmake/build_info.h.in ${CMAKE_CURRENT_BINARY_DIR}/generated/build_info.h @ONLY)
target_include_directories(cw_jobs PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/generated)
