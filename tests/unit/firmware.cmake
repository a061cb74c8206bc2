# SPDX-License-Identifier: MIT

# The SoC-free half of the image, on a board that is a few counters.
mn_test(test_firmware_session
	SOURCES unit/test_firmware_session.c unit/fake_board/fake_board.c
		${CMAKE_SOURCE_DIR}/firmware/session.c ${CMAKE_SOURCE_DIR}/firmware/measure.c
	LIBS mn_probes PkgConfig::CMOCKA)
target_include_directories(test_firmware_session PRIVATE
	unit/fake_board ${CMAKE_SOURCE_DIR}/firmware ${CMAKE_SOURCE_DIR}/firmware/soc/stm32)

# What the linker made, if there was a cross compiler.
if(MNCHAR_IMAGES)
	set(mn_image_args "")
else()
	set(mn_image_args none)
endif()
mn_test(test_firmware_image SOURCES unit/test_firmware_image.c LIBS mn_probes PkgConfig::CMOCKA ARGS ${mn_image_args})
if(MNCHAR_IMAGES)
	list(GET MNCHAR_IMAGES 0 mn_image)
	add_test(NAME firmware_reproducible COMMAND ${CMAKE_COMMAND}
		-DSOURCE=${CMAKE_SOURCE_DIR} -DWORK=${CMAKE_BINARY_DIR}/tests/firmware_reproducible -DIMAGE=${mn_image}
		-DGENERATOR=${CMAKE_GENERATOR} -P ${CMAKE_CURRENT_SOURCE_DIR}/unit/firmware_reproducible.cmake)
	set_tests_properties(firmware_reproducible PROPERTIES TIMEOUT 300)
endif()

# The images, executed.
mn_test(test_firmware_vboard SOURCES unit/test_firmware_vboard.c unit/vboard_client.c
	LIBS mn_probes PkgConfig::CMOCKA ARGS ${mn_image_args})
add_dependencies(test_firmware_vboard mnchar-vboard)
