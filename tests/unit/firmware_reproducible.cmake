# SPDX-License-Identifier: MIT
# Build the smallest image again, from a copy of the sources at another place and with flags in the environment that
# must not matter, and compare it with the one of this build. Run by ctest with -DSOURCE= -DWORK= -DIMAGE= -DGENERATOR=.
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK}/elsewhere)
file(COPY ${SOURCE}/firmware ${SOURCE}/probes ${SOURCE}/CMakeLists.txt DESTINATION ${WORK}/elsewhere)
set(ENV{CFLAGS} "-O0 -fsanitize=undefined -DNDEBUG")
set(ENV{ASMFLAGS} "-DMN_POOL_SEED=1")
set(ENV{LDFLAGS} "-Wl,--build-id=md5")
set(ENV{SOURCE_DATE_EPOCH} "12345")
execute_process(COMMAND ${CMAKE_COMMAND} -G ${GENERATOR} -S ${WORK}/elsewhere/firmware -B ${WORK}/build -DMN_BOARD=nucleo_f446re
	COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/build COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
execute_process(COMMAND ${CMAKE_COMMAND} -E compare_files ${WORK}/build/mnchar-nucleo-f446re.elf ${IMAGE}
	COMMAND_ERROR_IS_FATAL ANY)
file(REMOVE_RECURSE ${WORK})
