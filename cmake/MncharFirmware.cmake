# SPDX-License-Identifier: MIT
#
# The board images: firmware/ is a project of its own, configured once per board with the cross toolchain. Nothing of
# this build reaches it but the three variables below, so the image has the same bytes whatever the preset.
#
# Target mnchar-<board>-image builds one image, firmware/mnchar-<board>.elf is where it lands. MNCHAR_IMAGES lists the paths; it is
# empty when no images are built. With MNCHAR_CMSIS_NN_ROOT there is firmware/mnchar-<board>-cmsis-nn.elf beside it.
include(ExternalProject)

set(MNCHAR_IMAGES "")
set_property(CACHE MNCHAR_FIRMWARE PROPERTY STRINGS AUTO ON OFF)

set(mn_missing "")
if(NOT MNCHAR_FIRMWARE STREQUAL "OFF")
	# Looked for each time, and only where the inner project will look: in PATH.
	find_program(MNCHAR_ARM_GCC arm-none-eabi-gcc NO_CACHE NO_CMAKE_PATH NO_CMAKE_SYSTEM_PATH)
	if(NOT MNCHAR_ARM_GCC)
		set(mn_missing "gcc-arm-none-eabi (arm-none-eabi-gcc is not in PATH)")
	else()
		execute_process(COMMAND ${MNCHAR_ARM_GCC} -mcpu=cortex-m4 -mthumb -print-file-name=libc.a
			OUTPUT_VARIABLE mn_libc OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
		if(NOT IS_ABSOLUTE "${mn_libc}")
			set(mn_missing "libnewlib-arm-none-eabi (arm-none-eabi-gcc finds no libc.a)")
		endif()
	endif()
endif()

if(mn_missing AND MNCHAR_FIRMWARE STREQUAL "ON")
	message(FATAL_ERROR "MNCHAR_FIRMWARE=ON, but a package is missing: ${mn_missing}")
elseif(mn_missing)
	message(NOTICE "")
	message(NOTICE "   The board images will NOT be built: virtual boards and `mnchar flash` will have none.")
	message(NOTICE "   Missing package: ${mn_missing}")
	message(NOTICE "   On Debian: apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi, then configure again.")
	message(NOTICE "")
elseif(NOT MNCHAR_FIRMWARE STREQUAL "OFF")
	# mn_image(folder of the board, suffix of the image's name, arguments of the inner CMake...)
	function(mn_image board suffix)
		string(REPLACE "_" "-" name mnchar-${board}${suffix})
		set(image ${CMAKE_BINARY_DIR}/firmware/${name}.elf)
		# BUILD_ALWAYS asks the inner build whether there is something to do; it does nothing if not.
		ExternalProject_Add(${name}-image
			SOURCE_DIR ${CMAKE_SOURCE_DIR}/firmware
			PREFIX ${CMAKE_BINARY_DIR}/firmware-build/${board}${suffix}
			BINARY_DIR ${CMAKE_BINARY_DIR}/firmware-build/${board}${suffix}/build
			CMAKE_ARGS
				-DCMAKE_TOOLCHAIN_FILE=${CMAKE_SOURCE_DIR}/firmware/toolchain.cmake
				-DMN_BOARD=${board}
				-DMN_OUTPUT_DIR=${CMAKE_BINARY_DIR}/firmware
				${ARGN}
			BUILD_ALWAYS ON
			INSTALL_COMMAND ""
			BUILD_BYPRODUCTS ${image})
		set(MNCHAR_IMAGES ${MNCHAR_IMAGES} ${image} PARENT_SCOPE)
	endfunction()

	set(mn_boards nucleo_f446re nucleo_f746zg nucleo_f767zi)
	foreach(board IN LISTS mn_boards)
		mn_image(${board} "")
	endforeach()
	# The second flavour: the same image with CMSIS-NN's kernels beside ours.
	if(MNCHAR_CMSIS_NN_ROOT)
		include(MncharCmsisNn)
		get_filename_component(mn_root ${MNCHAR_CMSIS_NN_ROOT} ABSOLUTE BASE_DIR ${CMAKE_BINARY_DIR})
		mn_cmsis_nn_version(${mn_root} mn_version mn_major)
		if(NOT mn_version)
			message(FATAL_ERROR "MNCHAR_CMSIS_NN_ROOT: ${mn_root}/include/arm_nnfunctions.h is not "
				"there, or does not say its $Revision")
		endif()
		set(mn_found "")
		foreach(board IN LISTS mn_boards)
			include(${CMAKE_SOURCE_DIR}/firmware/boards/${board}/board.cmake)
			mn_cmsis_nn_library(${mn_root} "${MN_CPU_FLAGS}" mn_library_path)
			if(mn_library_path)
				mn_image(${board} -cmsis-nn -DMN_CMSIS_NN_ROOT=${mn_root})
				list(APPEND mn_found ${MN_BOARD_NAME})
			endif()
		endforeach()
		if(NOT mn_found)
			message(FATAL_ERROR "MNCHAR_CMSIS_NN_ROOT: there is no libcmsis-nn.a in ${mn_root}/lib, "
				"nor in lib/cortex-m4 or lib/cortex-m7")
		endif()
		message(STATUS "CMSIS-NN ${mn_version} for ${mn_found}")
	endif()
	install(FILES ${MNCHAR_IMAGES} DESTINATION ${CMAKE_INSTALL_DATADIR}/mnchar/firmware)
endif()
