# The broker test speaks MQTT 5 to a real Mosquitto that has the built plugin in it.
target_link_libraries(test_security_manager PRIVATE fs_security_manager_client PahoMqttCpp::paho-mqttpp3)
add_dependencies(test_security_manager fairstream_gate)
