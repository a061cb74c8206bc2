# SPDX-License-Identifier: MIT
#
# The board images: firmware/ is a project of its own, configured once per board with the cross toolchain. Nothing of
# this build reaches it but the three variables below, so the image has the same bytes whatever the preset.
#
# Target mnchar-<board>-image builds one image, firmware/mnchar-<board>.elf is where it lands. MNCHAR_IMAGES lists the paths; it is
# empty when no images are built.
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
	foreach(board IN ITEMS nucleo_f446re nucleo_f746zg nucleo_f767zi)
		string(REPLACE "_" "-" name mnchar-${board})
		set(image ${CMAKE_BINARY_DIR}/firmware/${name}.elf)
		# BUILD_ALWAYS asks the inner build whether there is something to do; it does nothing if not.
		ExternalProject_Add(${name}-image
			SOURCE_DIR ${CMAKE_SOURCE_DIR}/firmware
			PREFIX ${CMAKE_BINARY_DIR}/firmware-build/${board}
			BINARY_DIR ${CMAKE_BINARY_DIR}/firmware-build/${board}/build
			CMAKE_ARGS
				-DCMAKE_TOOLCHAIN_FILE=${CMAKE_SOURCE_DIR}/firmware/toolchain.cmake
				-DMN_BOARD=${board}
				-DMN_OUTPUT_DIR=${CMAKE_BINARY_DIR}/firmware
			BUILD_ALWAYS ON
			INSTALL_COMMAND ""
			BUILD_BYPRODUCTS ${image})
		list(APPEND MNCHAR_IMAGES ${image})
	endforeach()
	install(FILES ${MNCHAR_IMAGES} DESTINATION ${CMAKE_INSTALL_DATADIR}/mnchar/firmware)
endif()
