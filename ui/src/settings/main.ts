import '../styles/index.css'

import { mount } from 'svelte'

import { host } from '../host/current'
import Window from './Window.svelte'

mount(Window, { target: document.getElementById('app')!, props: { host } })
