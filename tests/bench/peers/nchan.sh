#!/bin/sh
# nginx with nchan, two workers. Messages are not kept for later subscribers (no other peer keeps them), the access
# log is off, a keep-alive connection may carry any number of requests.
set -e
port=${1:-17004}
dir=${BENCH_WORK:-/tmp/crier-bench}/run/nchan-$port
mkdir -p "$dir"
cat > "$dir/nginx.conf" << CONF
load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
daemon off;
user root;
pid $dir/nginx.pid;
error_log $dir/error.log warn;
worker_processes 2;
worker_rlimit_nofile 20000;
events { worker_connections 19000; use epoll; multi_accept on; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 300s;
  tcp_nodelay on;
  client_body_buffer_size 64k;
  client_max_body_size 1m;
  nchan_shared_memory_size 512M;
  client_body_temp_path $dir/b;
  proxy_temp_path $dir/p;
  fastcgi_temp_path $dir/f;
  uwsgi_temp_path $dir/u;
  scgi_temp_path $dir/s;
  server {
    listen 127.0.0.1:$port backlog=4096 reuseport;
    location ~ ^/sub/(.+)\$ {
      nchan_subscriber websocket;
      nchan_channel_id \$1;
      nchan_subscriber_first_message newest;
      nchan_websocket_ping_interval 0;
    }
    location ~ ^/pub/(.+)\$ {
      nchan_publisher http websocket;
      nchan_channel_id \$1;
      nchan_message_buffer_length ${NCHAN_BUFFER:-0};
      nchan_message_timeout 60s;
    }
  }
}
CONF
exec nginx -c "$dir/nginx.conf" -e "$dir/error.log"
